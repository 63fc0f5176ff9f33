package weir.rules.step_up_test

import data.weir.rules.step_up

settings := {"step_up": {
	"justify_from": 0.3,
	"justification": "^[A-Z]+-[0-9]+",
	"mask_from": 0.5,
	"mask": "redact",
	"hold_from": 0.7,
	"reviewers": ["group:security"],
	"deny_from": 0.9,
	"unknown": 0.4,
}}

at(score, why) := {"deny": count(denials), "mask": masks, "hold": count(holds)} if {
	asked := {"risk": {"score": score}, "justification": why}
	denials := step_up.deny with input as asked with data.weir.settings as settings
	masks := step_up.mask with input as asked with data.weir.settings as settings
	holds := step_up.hold with input as asked with data.weir.settings as settings
}

test_calm if at(0.29, "") == {"deny": 0, "mask": set(), "hold": 0}

test_a_justification if {
	at(0.3, "") == {"deny": 1, "mask": set(), "hold": 0}
	at(0.3, "EVAL-1") == {"deny": 0, "mask": set(), "hold": 0}
}

test_a_mask if at(0.5, "EVAL-1") == {"deny": 0, "mask": {"redact"}, "hold": 0}

test_a_person if at(0.7, "EVAL-1") == {"deny": 0, "mask": {"redact"}, "hold": 1}

test_nothing_helps if at(0.9, "EVAL-1") == {"deny": 1, "mask": {"redact"}, "hold": 1}

test_nothing_known if {
	every asked in [{}, {"risk": {"signals": ["night"]}}] {
		denials := step_up.deny with input as asked with data.weir.settings as settings
		count(denials) == 1
	}
}

test_settings_are_checked if {
	step_up.problem == set() with data.weir.settings as settings
	wrong := {"step_up": object.union(settings.step_up, {"mask": "none", "deny_from": 0.1})}
	count(step_up.problem) == 2 with data.weir.settings as wrong
}
