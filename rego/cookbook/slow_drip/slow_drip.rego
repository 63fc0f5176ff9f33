# METADATA
# title: Slow drip
# description: |
#   A little every hour is a copy after a month. What one person takes from all targets together in 30 days is bounded, whatever the hours
#   and days allow.
package weir.rules.slow_drip

import data.weir.settings

limit contains {"meter": "subject", "unit": unit, "window": "30d", "max": most} if {
	some unit, most in settings.slow_drip.per_person
}

# Where the tokens of one person are many, as those of a workload, the group is who takes.
limit contains {"meter": "group", "key": group, "unit": unit, "window": "30d", "max": most} if {
	some group in input.subject.groups
	some unit, most in settings.slow_drip.per_group[group]
}

problem contains sprintf("slow_drip.per_person.%s: want vectors, vectors_masked, documents, bytes or requests", [unit]) if {
	some unit, _ in settings.slow_drip.per_person
	not unit in counted
}

problem contains sprintf("slow_drip.per_group.%s.%s: want vectors, vectors_masked, documents, bytes or requests", [group, unit]) if {
	some group, bounds in settings.slow_drip.per_group
	some unit, _ in bounds
	not unit in counted
}

counted := {"vectors", "vectors_masked", "documents", "bytes", "requests"}
