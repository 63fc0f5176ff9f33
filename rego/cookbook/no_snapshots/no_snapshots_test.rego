package weir.rules.no_snapshots_test

import data.weir.rules.no_snapshots

settings := {"no_snapshots": {"kinds": ["vectordb"]}}

asks(kind, class, documents) := {"target": {"kind": kind}, "operation": {"class": class, "documents": documents}}

denied(asked) if count(no_snapshots.deny) == 1 with input as asked with data.weir.settings as settings

test_exports if denied(asks("vectordb", "export", 0))

test_reads_without_a_bound if {
	denied(asks("vectordb", "read", -1))
	denied(asks("vectordb", "search", -1))
}

test_bounded_reads_and_writes if {
	not denied(asks("vectordb", "read", 10))
	not denied(asks("vectordb", "search", 10))
	not denied(asks("vectordb", "write", -1))
}

test_other_kinds if not denied(asks("corpus", "export", -1))
