package weir.rules.bulk_test

import data.weir.rules.bulk

settings := {"bulk": {
	"max_vectors_per_request": 50,
	"max_vectors_per_hour": 100,
	"max_masked_vectors_per_hour": 1000,
	"max_documents_per_request": 500,
	"max_documents_per_hour": 2000,
	"export_groups": ["migration"],
}}

asks(class, vectors, groups) := {"subject": {"groups": groups}, "operation": {"class": class, "vectors": vectors}}

denials(asked) := found if found := bulk.deny with input as asked with data.weir.settings as settings

test_up_to_the_cap if {
	denials(asks("embed", 0, [])) == set()
	denials(asks("embed", 50, [])) == set()
}

test_beyond_the_cap_is_a_refusal_by_volume if {
	some denial in denials(asks("embed", 51, []))
	denial.kind == "quota"
	denial.reason == "one request may ask for 50 vectors at most, this one asks for 51"
	denial.alternatives == ["ask for 50 vectors or fewer at a time"]
}

takes(class, documents) := {"subject": {"groups": []}, "operation": {"class": class, "vectors": 0, "documents": documents}}

test_documents_have_a_cap_too if {
	denials(takes("read", 500)) == set()
	some denial in denials(takes("search", 501))
	denial.kind == "quota"
	denial.reason == "one request may ask for 500 documents at most, this one asks for 501"
	denial.alternatives == ["ask for 500 documents or fewer at a time"]
}

test_documents_without_a_bound_are_no_few if {
	every class in ["search", "read", "embed"] {
		denials(takes(class, -1)) == {{
			"reason": "the request asks for documents and states no bound, or none that a server keeps",
			"alternatives": ["state a limit"],
		}}
	}
}

test_lists_and_writes_state_none if {
	denials(takes("list", -1)) == set()
	denials(takes("write", -1)) == set()
}

test_no_limit_of_what_is_not_counted if {
	limits := bulk.limit with input as takes("export", -1) with data.weir.settings as settings
	count(limits) == 2
}

test_whoever_writes_takes_none if {
	denials(takes("write", 501)) == set()
	limits := bulk.limit with input as takes("write", -1) with data.weir.settings as settings
	count(limits) == 2
}

test_no_bound_is_refused if {
	some denial in denials(asks("read", -1, ["research"]))
	not denial.kind
	"state a limit" in denial.alternatives
}

test_a_whole_collection_is_refused if count(denials(asks("export", 0, ["research"]))) == 1

test_pages_of_it_are_too if {
	some denial in bulk.deny with input as takes("export", 10) with data.weir.settings as settings
	denial.alternatives == ["search", "ask for ids"]
}

test_export_groups_may if denials(asks("export", -1, ["migration"])) == set()

test_export_groups_have_the_cap_too if count(denials(asks("export", 51, ["migration"]))) == 1

test_limits if {
	limits := bulk.limit with input as takes("read", 1) with data.weir.settings as settings
	limits == {
		{"meter": "subject_target", "unit": "documents", "window": "1h", "max": 2000},
		{"meter": "subject_target", "unit": "vectors", "window": "1h", "max": 100},
		{"meter": "subject_target", "unit": "vectors_masked", "window": "1h", "max": 1000},
	}
}

test_numbers_are_checked if {
	bulk.problem == set() with data.weir.settings as settings
	count(bulk.problem) == 5 with data.weir.settings as {"bulk": {"max_vectors_per_request": -1, "max_vectors_per_hour": 1.5}}
	count(bulk.problem) == 5 with data.weir.settings as {}
}
