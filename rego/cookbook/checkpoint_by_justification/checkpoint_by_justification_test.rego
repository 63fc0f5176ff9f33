package weir.rules.checkpoint_by_justification_test

import data.weir.rules.checkpoint_by_justification

settings := {"checkpoint_by_justification": {"otherwise": "^[A-Z]+-[0-9]+", "by_sensitivity": {"crown": "^REL-[0-9]+ approved by "}}}

asks(sensitivity, why) := {
	"target": {"sensitivity": sensitivity},
	"operation": {"class": "read", "artifact": "checkpoint"},
	"justification": why,
}

denials(asked) := found if found := checkpoint_by_justification.deny with input as asked with data.weir.settings as settings

test_the_pattern_of_the_sensitivity if {
	denials(asks("crown", "REL-7 approved by grace")) == set()
	denials(asks("crown", "MODEL-42")) == {{
		"reason": "this model checkpoint needs another justification",
		"alternatives": ["send a weir-justification header that matches ^REL-[0-9]+ approved by "],
	}}
}

test_the_pattern_of_all_others if {
	denials(asks("low", "MODEL-42")) == set()
	count(denials(asks("low", "because"))) == 1
}

test_no_sensitivity_and_no_words if count(denials({"target": {}, "operation": {"class": "read", "artifact": "checkpoint"}})) == 1

test_other_files_and_uploads_are_not_its_business if {
	denials({"target": {}, "operation": {"class": "read"}}) == set()
	denials(object.union(asks("crown", ""), {"operation": {"class": "write"}})) == set()
}

test_patterns_are_checked if {
	checkpoint_by_justification.problem == set() with data.weir.settings as settings
	wrong := {"checkpoint_by_justification": {"otherwise": "(", "by_sensitivity": {"a": "("}}}
	count(checkpoint_by_justification.problem) == 2 with data.weir.settings as wrong
}
