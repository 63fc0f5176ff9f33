# METADATA
# title: Model checkpoints by justification
# description: |
#   What a justification must look like, by the sensitivity of the target: a ticket for most models, a release that somebody approved for those
#   that are worth most.
package weir.rules.checkpoint_by_justification

import data.weir.settings

deny contains {"reason": "this model checkpoint needs another justification", "alternatives": [way]} if {
	input.operation.artifact == "checkpoint"
	not input.operation.class in {"write", "admin"}
	not justified
	way := sprintf("send a weir-justification header that matches %s", [pattern])
}

justified if regex.match(pattern, input.justification)

pattern := settings.checkpoint_by_justification.by_sensitivity[input.target.sensitivity]

pattern := settings.checkpoint_by_justification.otherwise if not special

# A rule of its own: "not by_sensitivity[input.target.sensitivity]" says nothing, not true, where the target has no sensitivity.
special if settings.checkpoint_by_justification.by_sensitivity[input.target.sensitivity]

problem contains "checkpoint_by_justification.otherwise is not a regular expression (RE2)" if {
	not regex.is_valid(settings.checkpoint_by_justification.otherwise)
}

problem contains sprintf("checkpoint_by_justification.by_sensitivity.%s is not a regular expression (RE2)", [word]) if {
	some word, expression in settings.checkpoint_by_justification.by_sensitivity
	not regex.is_valid(expression)
}
