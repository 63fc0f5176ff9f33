# METADATA
# title: Search without vectors only
# description: |
#   On the targets that are worth most there is search, and what is found has no vectors. Scores are masked too: exact scores of as many queries
#   as a vector has dimensions give it away.
package weir.rules.search_only

import data.weir.settings

deny contains {"reason": "here is nothing but search", "alternatives": ["search without vectors"]} if {
	covered
	not input.operation.class in {"search", "list"}
}

deny contains {"reason": "vectors do not leave this target", "alternatives": ["ask without vectors"]} if {
	covered
	input.operation.vectors != 0
}

# Should an answer hold vectors that the request did not ask for.
mask contains "redact" if covered

score contains settings.search_only.scores if covered

covered if input.target.sensitivity in settings.search_only.sensitivities

problem contains "search_only.scores: want drop, rank or round:0 to round:6" if {
	not regex.match(`^(drop|rank|round:[0-6])$`, sprintf("%v", [settings.search_only.scores]))
}
