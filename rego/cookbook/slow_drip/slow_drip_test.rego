package weir.rules.slow_drip_test

import data.weir.rules.slow_drip

settings := {"slow_drip": {"per_person": {"vectors": 100, "documents": 200}, "per_group": {"crawlers": {"vectors": 50}}}}

limits(groups) := found if {
	found := slow_drip.limit with input as {"subject": {"groups": groups}} with data.weir.settings as settings
}

person := {
	{"meter": "subject", "unit": "vectors", "window": "30d", "max": 100},
	{"meter": "subject", "unit": "documents", "window": "30d", "max": 200},
}

test_everybody_has_a_month if limits(["research"]) == person

test_a_group_has_one_too if {
	limits(["research", "crawlers"]) == person | {{"meter": "group", "key": "crawlers", "unit": "vectors", "window": "30d", "max": 50}}
}

test_no_groups_at_all if {
	found := slow_drip.limit with input as {"subject": {}} with data.weir.settings as settings
	found == person
}

test_units_are_checked if {
	slow_drip.problem == set() with data.weir.settings as settings
	found := slow_drip.problem with data.weir.settings as {"slow_drip": {"per_person": {"tokens": 1}, "per_group": {"a": {"vector": 1}}}}
	count(found) == 2
}
