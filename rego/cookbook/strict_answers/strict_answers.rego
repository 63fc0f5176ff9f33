# METADATA
# title: Strict answers
# description: |
#   What looks like a vector where an API has none is masked. Where that would be no help, or a sign of something else, the answer is
#   refused: on the targets that are named, to all but some groups.
package weir.rules.strict_answers

import data.weir.settings

strict contains "no vectors where there are to be none" if {
	input.target.name in settings.strict_answers.targets
	not exempt
}

exempt if {
	some group in input.subject.groups
	group in settings.strict_answers.but_groups
}
