# METADATA
# title: Coverage
# description: |
#   An object that is taken in pieces is taken all the same: by one person in many ranges, or by several members of a group, under whatever
#   name. What counts is how much of one version of it has left so far, and would have with this answer.
package weir.rules.coverage

import data.weir.settings

deny contains {
	"reason": sprintf("more than %v %% of this object would have left, to you or to one of your groups", [100 * settings.coverage.most]),
	"alternatives": ways,
} if {
	input.operation.artifact in settings.coverage.artifacts
	not whole
	some holder in ["subject", "group"]
	share := input.operation.coverage[holder]
	share.after > share.before
	share.after > settings.coverage.most
}

default ways := ["ask a member of a group in the setting coverage.whole_groups", "take a part that you have had before"]

ways := [sprintf("send a weir-justification header that matches %s", [settings.model_checkpoints.justification])] if whole_group

whole if {
	whole_group
	input.operation.artifact != "opaque"
}

# Nobody can tell that it is no model checkpoint: all of it takes a reason, as one does. A range, an encoding or a redirect can make it so.
whole if {
	whole_group
	input.operation.artifact == "opaque"
	regex.match(settings.model_checkpoints.justification, input.justification)
}

# Who may download model checkpoints may have all of one: the rule for those asks for a reason.
whole if {
	input.operation.artifact == "checkpoint"
	some group in input.subject.groups
	group in settings.model_checkpoints.groups
}

whole_group if {
	some group in input.subject.groups
	group in settings.coverage.whole_groups
}

problem contains "coverage.most: want a share, from 0 to 1" if not share_given

problem contains sprintf("coverage.artifacts: %v is not known: want checkpoint, corpus or opaque", [word]) if {
	some word in settings.coverage.artifacts
	not word in {"checkpoint", "corpus", "opaque"}
}

share_given if {
	is_number(settings.coverage.most)
	settings.coverage.most >= 0
	settings.coverage.most <= 1
}
