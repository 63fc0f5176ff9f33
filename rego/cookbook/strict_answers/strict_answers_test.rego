package weir.rules.strict_answers_test

import data.weir.rules.strict_answers

asked(target, groups) := found if {
	found := strict_answers.strict with input as {"target": {"name": target}, "subject": {"groups": groups}}
		with data.weir.settings as {"strict_answers": {"targets": ["vectors"], "but_groups": ["ml-platform"]}}
}

test_on_targets_that_are_named if count(asked("vectors", ["research"])) == 1

test_not_on_others if asked("embeddings", ["research"]) == set()

test_not_for_some_groups if asked("vectors", ["research", "ml-platform"]) == set()
