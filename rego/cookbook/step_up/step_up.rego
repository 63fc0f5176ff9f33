# METADATA
# title: Step-up by risk
# description: |
#   The higher the risk score of who asks, the more is needed: a justification, then a mask, then a person's yes, then nothing helps. Where
#   nothing is known of the risk, the score is the one of the settings.
package weir.rules.step_up

import data.weir.settings

deny contains {"reason": "this needs a justification now", "alternatives": [way]} if {
	danger >= settings.step_up.justify_from
	not justified
	way := sprintf("send a weir-justification header that matches %s", [settings.step_up.justification])
}

deny contains "not now" if danger >= settings.step_up.deny_from

mask contains settings.step_up.mask if danger >= settings.step_up.mask_from

hold contains {"reason": "a person must agree to this now", "approval": {"reviewers": reviewers, "votes": 1}} if {
	danger >= settings.step_up.hold_from
	reviewers := settings.step_up.reviewers
}

justified if regex.match(settings.step_up.justification, input.justification)

danger := input.risk.score

danger := settings.step_up.unknown if not known

known if input.risk.score >= 0

rising if {
	settings.step_up.justify_from <= settings.step_up.mask_from
	settings.step_up.mask_from <= settings.step_up.hold_from
	settings.step_up.hold_from <= settings.step_up.deny_from
}

problem contains "step_up: want justify_from <= mask_from <= hold_from <= deny_from" if not rising

problem contains "step_up.mask: want redact, zero, unit, token, seal or refuse" if {
	not settings.step_up.mask in {"redact", "zero", "unit", "token", "seal", "refuse"}
}
