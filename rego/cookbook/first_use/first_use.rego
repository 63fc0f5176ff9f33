# METADATA
# title: First use of a target
# description: |
#   Who has not used a target for 30 days says why before the first request: a stolen token is used where its owner never went. It reads usage,
#   which costs one look-up in the counters for each request.
package weir.rules.first_use

import data.weir.settings

deny contains {"reason": sprintf("your first use of %s in 30 days needs a justification", [input.target.name]), "alternatives": [way]} if {
	input.target.kind in settings.first_use.kinds
	not used
	not justified
	way := sprintf("send a weir-justification header that matches %s, once", [settings.first_use.justification])
}

used if input.usage.subject_target.requests["30d"] > 0

justified if regex.match(settings.first_use.justification, input.justification)

problem contains "first_use.justification is not a regular expression (RE2)" if {
	not regex.is_valid(settings.first_use.justification)
}
