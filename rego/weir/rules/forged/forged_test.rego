package weir.rules.forged_test

import data.weir.rules.forged

test_forged_is_refused if {
	some denial in forged.deny with input as {"operation": {"forged": true}}
	denial.reason == "a vector in the request was sealed elsewhere, or changed since, or with a key that is no longer in use here"
}

test_sealed_and_raw_are_not if {
	forged.deny == set() with input as {"operation": {"sealed": true}}
	forged.deny == set() with input as {"operation": {"class": "search"}}
}
