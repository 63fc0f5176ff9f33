# METADATA
# title: Bulk extraction, over several windows
# description: |
#   A burst per minute, a bound per hour and day for one person on one target, one for all people together, and one for a group where it is
#   named: ten people who take a tenth each take it all. The shipped rule bulk bounds one request and one person's hour.
package weir.rules.bulk_extraction

import data.weir.settings

limit contains {"meter": "subject_target", "unit": unit, "window": window, "max": most} if {
	some window, bounds in settings.bulk_extraction.per_person
	some unit, most in bounds
}

limit contains {"meter": "target", "unit": unit, "window": window, "max": most} if {
	some window, bounds in settings.bulk_extraction.all_together
	some unit, most in bounds
}

# Of each group that is named, whoever of it asks: on all targets together.
limit contains {"meter": "group", "key": group, "unit": unit, "window": window, "max": most} if {
	some group in input.subject.groups
	some window, bounds in settings.bulk_extraction.per_group[group]
	some unit, most in bounds
}

problem contains sprintf("bulk_extraction.per_group.%s.%s.%s: %s", [group, window, unit, wanted]) if {
	wanted := "want vectors, vectors_masked, documents, bytes or requests, and a whole number from 0 up"
	some group, windows in settings.bulk_extraction.per_group
	some window, bounds in windows
	some unit, most in bounds
	not bound(unit, most)
}

problem contains sprintf("bulk_extraction.%s.%s.%s: want vectors, vectors_masked, documents, bytes or requests", [who, window, unit]) if {
	some who in ["per_person", "all_together"]
	some window, bounds in settings.bulk_extraction[who]
	some unit, _ in bounds
	not unit in {"vectors", "vectors_masked", "documents", "bytes", "requests"}
}

problem contains sprintf("bulk_extraction.%s.%s.%s: want a whole number from 0 up", [who, window, unit]) if {
	some who in ["per_person", "all_together"]
	some window, bounds in settings.bulk_extraction[who]
	some unit, most in bounds
	not natural(most)
}

bound(unit, most) if {
	unit in {"vectors", "vectors_masked", "documents", "bytes", "requests"}
	natural(most)
}

natural(n) if {
	is_number(n)
	n >= 0
	n == floor(n)
}
