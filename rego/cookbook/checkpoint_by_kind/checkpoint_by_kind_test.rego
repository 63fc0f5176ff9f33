package weir.rules.checkpoint_by_kind_test

import data.weir.rules.checkpoint_by_kind

settings := {"checkpoint_by_kind": {"kinds": {"weights": ["ml-platform"], "registry": ["*"]}}}

asks(kind, groups) := {
	"subject": {"groups": groups},
	"target": {"kind": kind},
	"operation": {"class": "read", "artifact": "checkpoint"},
}

denied(asked) if count(checkpoint_by_kind.deny) == 1 with input as asked with data.weir.settings as settings

test_of_a_listed_kind if not denied(asks("weights", ["ml-platform"]))

test_for_everybody if not denied(asks("registry", []))

test_of_a_listed_kind_for_another_group if denied(asks("weights", ["research"]))

test_of_a_kind_that_is_not_listed if denied(asks("corpus", ["ml-platform"]))

test_without_groups if denied({"subject": {}, "target": {"kind": "weights"}, "operation": {"class": "read", "artifact": "checkpoint"}})

test_a_corpus_without_a_checkpoint if {
	not denied({"subject": {}, "target": {"kind": "corpus"}, "operation": {"class": "read", "object": "/corpus/a.txt"}})
}

test_uploading_is_not_its_business if not denied(object.union(asks("corpus", []), {"operation": {"class": "write"}}))

test_kinds_are_checked if {
	checkpoint_by_kind.problem == set() with data.weir.settings as settings
	found := checkpoint_by_kind.problem with data.weir.settings as {"checkpoint_by_kind": {"kinds": {"bucket": []}}}
	found == {"checkpoint_by_kind.kinds.bucket: no such kind of target"}
}
