package weir.rules.first_use_test

import data.weir.rules.first_use

settings := {"first_use": {"kinds": ["vectordb"], "justification": "^[A-Z]+-[0-9]+"}}

asks(kind, extra) := object.union({"target": {"name": "papers", "kind": kind}}, extra)

denials(asked) := found if found := first_use.deny with input as asked with data.weir.settings as settings

before(n) := {"usage": {"subject_target": {"requests": {"1h": 0, "30d": n}}}}

test_the_first_time_needs_words if {
	some denial in denials(asks("vectordb", before(0)))
	denial.reason == "your first use of papers in 30 days needs a justification"
	denial.alternatives == ["send a weir-justification header that matches ^[A-Z]+-[0-9]+, once"]
}

test_nothing_known_of_usage_is_the_first_time if {
	count(denials(asks("vectordb", {}))) == 1
	count(denials(asks("vectordb", {"usage": {}}))) == 1
}

test_with_words if denials(asks("vectordb", object.union(before(0), {"justification": "EVAL-7 recall"}))) == set()

test_other_words_do_not if count(denials(asks("vectordb", object.union(before(0), {"justification": "please"})))) == 1

test_the_second_time if denials(asks("vectordb", before(1))) == set()

test_another_kind if denials(asks("inference", before(0))) == set()

test_the_pattern_is_checked if {
	first_use.problem == set() with data.weir.settings as settings
	count(first_use.problem) == 1 with data.weir.settings as {"first_use": {"kinds": [], "justification": "("}}
}
