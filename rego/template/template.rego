# METADATA
# title: What the rule is for
# description: |
#   Whom it keeps from what, and why. A deny is a sentence for whoever asked; rego/README.md lists what else a rule may say: allow, hold, limit,
#   mask, score, field, strict.
package weir.rules.template

import data.weir.settings

deny contains {"reason": "your groups may not do this here (setting template.groups)", "alternatives": ["ask for less"]} if {
	input.operation.class in settings.template.classes
	not permitted
}

# A rule of its own: "not input.x in s" says nothing, rather than true, where input.x is absent.
permitted if {
	some group in input.subject.groups
	group in settings.template.groups
}
