# METADATA
# title: Attempts
# description: |
#   Whoever asks for models' weights again and again, refused or not, is marked in the record (flag repeated_attempts). Nothing is refused for it.
#   Heads and lists of names count; the pieces of an object that one was let have are one attempt.
package weir.rules.attempts

import data.weir.settings

flag contains {"name": "repeated_attempts", "reason": reason} if {
	from := settings.attempts.flag_per_hour
	from > 0
	input.operation.attempts.hour >= from
	reason := sprintf("asked for models' weights %d times or more in an hour", [from])
}

flag contains {"name": "repeated_attempts", "reason": reason} if {
	from := settings.attempts.flag_per_day
	from > 0
	input.operation.attempts.day >= from
	reason := sprintf("asked for models' weights %d times or more in a day", [from])
}

problem contains sprintf("attempts.%s: want a whole number from 0 up", [key]) if {
	some key in ["flag_per_hour", "flag_per_day"]
	not natural(object.get(settings, ["attempts", key], null))
}

natural(n) if {
	is_number(n)
	n >= 0
	n == floor(n)
}
