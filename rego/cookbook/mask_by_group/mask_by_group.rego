# METADATA
# title: Masks by group
# description: |
#   The mask of vectors, of scores and of fields that a group gets at least. It comes beside the shipped rule masking and can only tighten it:
#   the strictest of all that apply holds.
package weir.rules.mask_by_group

import data.weir.settings

mask contains word if {
	some group in input.subject.groups
	word := settings.mask_by_group.vectors[group]
}

score contains word if {
	some group in input.subject.groups
	word := settings.mask_by_group.scores[group]
}

field contains path if {
	some group in input.subject.groups
	some path in settings.mask_by_group.fields[group]
}

problem contains sprintf("mask_by_group.vectors.%s: %v is no mask", [group, word]) if {
	some group, word in settings.mask_by_group.vectors
	not word in {"none", "seal", "token", "unit", "zero", "redact", "refuse"}
}

problem contains sprintf("mask_by_group.scores.%s: want drop, rank or round:0 to round:6", [group]) if {
	some group, word in settings.mask_by_group.scores
	not regex.match(`^(drop|rank|round:[0-6])$`, sprintf("%v", [word]))
}
