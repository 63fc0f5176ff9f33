package weir.rules.search_only_test

import data.weir.rules.search_only

settings := {"search_only": {"sensitivities": ["high"], "scores": "round:1"}}

asks(sensitivity, class, vectors) := {"target": {"sensitivity": sensitivity}, "operation": {"class": class, "vectors": vectors}}

denials(asked) := count(found) if found := search_only.deny with input as asked with data.weir.settings as settings

test_search_without_vectors if {
	denials(asks("high", "search", 0)) == 0
	denials(asks("high", "list", 0)) == 0
}

test_search_with_vectors if {
	denials(asks("high", "search", 10)) == 1
	denials(asks("high", "search", -1)) == 1
}

test_anything_else if {
	every class in ["read", "export", "write", "admin", "embed", "unknown"] {
		denials(asks("high", class, 0)) == 1
	}
}

test_what_is_found_is_masked if {
	asked := asks("high", "search", 0)
	masks := search_only.mask with input as asked with data.weir.settings as settings
	masks == {"redact"}
	scores := search_only.score with input as asked with data.weir.settings as settings
	scores == {"round:1"}
}

test_other_targets if {
	denials(asks("low", "export", -1)) == 0
	denials({"target": {}, "operation": {"class": "read", "vectors": 1}}) == 0
	masks := search_only.mask with input as asks("low", "search", 0) with data.weir.settings as settings
	masks == set()
}

test_the_score_mask_is_checked if {
	search_only.problem == set() with data.weir.settings as settings
	count(search_only.problem) == 1 with data.weir.settings as {"search_only": {"scores": "exact"}}
}
