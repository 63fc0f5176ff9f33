package weir.rules.coverage_test

import data.weir.rules.coverage

settings := {
	"coverage": {"most": 0.2, "artifacts": ["checkpoint", "opaque"], "whole_groups": ["ml-platform"]},
	"model_checkpoints": {"groups": ["readers"], "justification": "^[A-Z]+-[0-9]+"},
}

asks(artifact, subject, group) := {
	"subject": {"groups": ["research"]},
	"operation": {"artifact": artifact, "coverage": {"subject": subject, "group": group}},
}

some_of(before, after) := {"before": before, "after": after}

denials(asked) := found if found := coverage.deny with input as asked with data.weir.settings as settings

test_a_little_is_free if denials(asks("checkpoint", some_of(0, 0.1), some_of(0.1, 0.2))) == set()

test_too_much_for_one if {
	some denial in denials(asks("checkpoint", some_of(0.1, 0.3), some_of(0.1, 0.2)))
	denial.reason == "more than 20 % of this object would have left, to you or to one of your groups"
}

test_too_much_for_a_group if count(denials(asks("opaque", some_of(0, 0.1), some_of(0.15, 0.25)))) == 1

test_again_is_nothing_new if denials(asks("opaque", some_of(0.3, 0.3), some_of(0.3, 0.3))) == set()

test_a_corpus_is_read if denials(asks("corpus", some_of(0, 1), some_of(0, 1))) == set()

test_those_who_may if {
	asked := object.union(asks("checkpoint", some_of(0, 1), some_of(0, 1)), {"subject": {"groups": ["ml-platform"]}})
	denials(asked) == set()
}

test_who_may_download_model_checkpoints if {
	readers := {"subject": {"groups": ["readers"]}}
	denials(object.union(asks("checkpoint", some_of(0, 1), some_of(0, 1)), readers)) == set()
	count(denials(object.union(asks("opaque", some_of(0, 1), some_of(0, 1)), readers))) == 1
}

test_all_of_what_is_opaque_takes_a_reason if {
	member := {"subject": {"groups": ["ml-platform"]}}
	asked := object.union(asks("opaque", some_of(0, 1), some_of(0, 1)), member)
	refused := denials(asked)
	{denial.alternatives | some denial in refused} == {["send a weir-justification header that matches ^[A-Z]+-[0-9]+"]}
	count(denials(object.union(asked, {"justification": "please"}))) == 1
	denials(object.union(asked, {"justification": "DATA-7 nightly"})) == set()
	denials(object.union(asks("opaque", some_of(0, 0.1), some_of(0, 0.1)), member)) == set()
}

test_nothing_is_known_before_the_answer if denials({"subject": {}, "operation": {"artifact": "checkpoint"}}) == set()

test_problems if {
	coverage.problem == set() with data.weir.settings as settings
	count(coverage.problem) == 2 with data.weir.settings as {"coverage": {"most": 20, "artifacts": ["weights"], "whole_groups": []}}
	count(coverage.problem) == 1 with data.weir.settings as {"coverage": {"most": "x", "artifacts": [], "whole_groups": []}}
}
