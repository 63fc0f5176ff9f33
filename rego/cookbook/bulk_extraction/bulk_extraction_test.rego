package weir.rules.bulk_extraction_test

import data.weir.rules.bulk_extraction

settings := {"bulk_extraction": {
	"per_person": {"1m": {"vectors": 10}, "24h": {"vectors": 1000, "documents": 50}},
	"all_together": {"1h": {"vectors": 5000}},
}}

test_a_limit_for_each_number if {
	limits := bulk_extraction.limit with data.weir.settings as settings
	limits == {
		{"meter": "subject_target", "unit": "vectors", "window": "1m", "max": 10},
		{"meter": "subject_target", "unit": "vectors", "window": "24h", "max": 1000},
		{"meter": "subject_target", "unit": "documents", "window": "24h", "max": 50},
		{"meter": "target", "unit": "vectors", "window": "1h", "max": 5000},
	}
}

test_a_group_that_is_named if {
	named := {"bulk_extraction": {"per_group": {"research": {"1h": {"vectors": 9}}}}}
	limits := bulk_extraction.limit with input as {"subject": {"groups": ["x", "research"]}} with data.weir.settings as named
	limits == {{"meter": "group", "key": "research", "unit": "vectors", "window": "1h", "max": 9}}
	others := bulk_extraction.limit with input as {"subject": {"groups": ["x"]}} with data.weir.settings as named
	others == set()
}

test_a_group_of_bounds_that_are_none if {
	every bounds in [{"token": 1}, {"vectors": "10"}] {
		found := bulk_extraction.problem with data.weir.settings as {"bulk_extraction": {"per_group": {"research": {"1h": bounds}}}}
		count(found) == 1
	}
	fine := bulk_extraction.problem with data.weir.settings as {"bulk_extraction": {"per_group": {"research": {"1h": {"vectors": 9}}}}}
	fine == set()
}

test_good_settings_have_no_problem if bulk_extraction.problem == set() with data.weir.settings as settings

test_a_unit_that_nobody_counts_is_a_problem if {
	found := bulk_extraction.problem with data.weir.settings as {"bulk_extraction": {"per_person": {"1h": {"tokens": 1}}}}
	found == {"bulk_extraction.per_person.1h.tokens: want vectors, vectors_masked, documents, bytes or requests"}
}

test_a_number_that_is_none_is_a_problem if {
	every most in [-1, 1.5, "10"] {
		found := bulk_extraction.problem with data.weir.settings as {"bulk_extraction": {"all_together": {"1h": {"vectors": most}}}}
		found == {"bulk_extraction.all_together.1h.vectors: want a whole number from 0 up"}
	}
}
