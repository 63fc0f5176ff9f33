package weir.rules.collection_allowlist_test

import data.weir.rules.collection_allowlist

settings := {"collection_allowlist": {"targets": ["papers"], "collections": {"public": ["*"], "trials": ["medical"]}}}

asks(operation, groups) := {"subject": {"groups": groups}, "target": {"name": "papers"}, "operation": operation}

denied(asked) if count(collection_allowlist.deny) == 1 with input as asked with data.weir.settings as settings

test_everybodys if not denied(asks({"class": "search", "collection": "public"}, []))

test_a_groups if {
	not denied(asks({"class": "search", "collection": "trials"}, ["x", "medical"]))
	denied(asks({"class": "search", "collection": "trials"}, ["x"]))
}

test_not_listed_is_nobodys if denied(asks({"class": "search", "collection": "drafts"}, ["medical"]))

test_no_collection_named if denied(asks({"class": "search"}, ["medical"]))

test_without_groups if denied({"subject": {}, "target": {"name": "papers"}, "operation": {"class": "search", "collection": "trials"}})

test_listing_names_is_free if {
	not denied(asks({"class": "list"}, []))
	denied(asks({"class": "list", "collection": "trials"}, []))
}

test_other_targets_are_not_its_business if {
	not denied({"subject": {}, "target": {"name": "images"}, "operation": {"class": "search", "collection": "drafts"}})
}
