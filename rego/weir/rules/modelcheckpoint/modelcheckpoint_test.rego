package weir.rules.modelcheckpoint_test

import data.weir.rules.modelcheckpoint

settings(every_file) := {"model_checkpoints": {
	"groups": ["ml-platform"],
	"justification": "^[A-Z]+-[0-9]+",
	"every_file": every_file,
}}

asks(kind, operation, groups) := {"subject": {"groups": groups}, "target": {"kind": kind}, "operation": operation}

weights := {"class": "read", "artifact": "checkpoint"}

denials(asked) := found if found := modelcheckpoint.deny with input as asked with data.weir.settings as settings(true)

told(asked, why) := denials(object.union(asked, {"justification": why}))

test_others_are_refused_whatever_they_say if {
	some denial in told(asks("weights", weights, ["research"]), "MODEL-1")
	denial.reason == "your groups may not download model checkpoints (setting model_checkpoints.groups)"
}

test_without_groups if count(denials({"subject": {}, "target": {"kind": "weights"}, "operation": weights})) == 1

test_a_justification_is_needed if {
	some denial in denials(asks("weights", weights, ["ml-platform"]))
	denial.alternatives == ["send a weir-justification header that matches ^[A-Z]+-[0-9]+"]
}

test_a_justification_must_match if count(told(asks("weights", weights, ["ml-platform"]), "because")) == 1

test_group_and_justification if told(asks("weights", weights, ["ml-platform"]), "MODEL-42 nightly") == set()

test_a_model_checkpoint_elsewhere_is_one_too if {
	count(denials(asks("corpus", weights, ["research"]))) == 1
	count(denials(asks("corpus", {"class": "export", "artifact": "checkpoint"}, ["research"]))) == 1
}

test_uploading_is_not_downloading if {
	denials(asks("weights", {"class": "write", "artifact": "checkpoint"}, ["research"])) == set()
}

test_other_targets_are_free if denials(asks("corpus", {"class": "read"}, ["research"])) == set()

test_every_file_beside_weights if {
	asked := asks("weights", {"class": "read"}, ["research"])
	count(denials(asked)) == 1
	count(denials(asks("weights", {"class": "list"}, ["research"]))) == 1
	modelcheckpoint.deny == set() with input as asked with data.weir.settings as settings(false)
}

test_names_show_it_still if {
	asked := asks("weights", weights, ["research"])
	count(modelcheckpoint.deny) == 1 with input as asked with data.weir.settings as settings(false)
}

test_the_pattern_is_checked if {
	modelcheckpoint.problem == set() with data.weir.settings as settings(true)
	count(modelcheckpoint.problem) == 1 with data.weir.settings as {"model_checkpoints": {"justification": "("}}
}
