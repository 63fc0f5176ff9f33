package weir.rules.access_test

import data.weir.rules.access

settings := {"access": {
	"inference": ["*"],
	"vectordb": ["research", "product"],
	"weights": [],
	"write": ["ml-platform"],
	"admin": ["root"],
}}

asks(kind, class, groups) := {
	"subject": {"groups": groups},
	"target": {"name": "t", "kind": kind},
	"operation": {"class": class},
}

allowed(asked) if count(access.allow) > 0 with input as asked with data.weir.settings as settings

denied(asked) if count(access.deny) > 0 with input as asked with data.weir.settings as settings

test_everybody_means_everybody if allowed(asks("inference", "embed", []))

test_a_named_group_is_allowed if allowed(asks("vectordb", "search", ["x", "product"]))

test_another_group_is_not if not allowed(asks("vectordb", "search", ["x"]))

test_nobody_is_nobody if not allowed(asks("weights", "read", ["research"]))

test_a_kind_without_a_line_is_nobodys if not allowed(asks("config", "read", ["research"]))

test_no_groups_at_all if {
	not allowed({"subject": {}, "target": {"kind": "vectordb"}, "operation": {"class": "read"}})
}

test_writing_needs_its_own_group if {
	denied(asks("vectordb", "write", ["research"]))
	not denied(asks("vectordb", "write", ["ml-platform"]))
}

test_everybody_may_write_where_that_is_said if {
	open := object.union(settings, {"access": object.union(settings.access, {"write": ["*"]})})
	found := access.deny with input as asks("vectordb", "write", []) with data.weir.settings as open
	found == set()
}

test_a_copy_writes_too if {
	copied := {"operation": {"into": "mine/x"}}
	denied(object.union(asks("vectordb", "export", ["research"]), copied))
	not denied(object.union(asks("vectordb", "export", ["ml-platform"]), copied))
	not denied(asks("vectordb", "export", ["research"]))
}

test_administering_needs_its_own_group if {
	denied(asks("vectordb", "admin", ["ml-platform"]))
	not denied(asks("vectordb", "admin", ["root"]))
}

test_reading_is_not_denied if not denied(asks("vectordb", "read", ["research"]))

missing(asked) := found if found := access.missing with input as asked with data.weir.settings as settings

test_what_is_missing_names_the_setting_and_no_group if {
	missing(asks("vectordb", "search", ["x"])) == {"your groups may not use targets of kind vectordb (setting access.vectordb)"}
	missing(asks("config", "read", ["research"])) == {"your groups may not use targets of kind config (setting access.config)"}
	missing(asks("vectordb", "search", ["research"])) == set()
	every class in ["write", "admin"] {
		some denial in access.deny with input as asks("vectordb", class, ["x"]) with data.weir.settings as settings
		endswith(denial.reason, sprintf("(setting access.%s)", [class]))
	}
}
