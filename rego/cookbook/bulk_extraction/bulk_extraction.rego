# METADATA
# title: Bulk extraction, over several windows
# description: |
#   A burst per minute, a bound per hour and day for one person on one target, and one for all people together: ten people who take a tenth
#   each take it all. The shipped rule bulk bounds one request and one person's hour.
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

natural(n) if {
	is_number(n)
	n >= 0
	n == floor(n)
}
