# METADATA
# title: Read-only hours
# description: |
#   Hours, in UTC, in which nobody changes anything on the kinds of target listed, such as while an index is built or a backup runs. They may go
#   over midnight.
package weir.rules.read_only_hours

import data.weir.settings

deny contains {"reason": "nothing may be changed here at this hour (setting read_only_hours)", "alternatives": [way]} if {
	input.operation.class in {"write", "admin"}
	input.target.kind in settings.read_only_hours.kinds
	closed
	way := sprintf("come back from %d o'clock, UTC", [settings.read_only_hours.until])
}

hour := time.clock(input.time.unix_ns)[0]

over_midnight if settings.read_only_hours.from > settings.read_only_hours.until

closed if {
	not over_midnight
	hour >= settings.read_only_hours.from
	hour < settings.read_only_hours.until
}

closed if {
	over_midnight
	hour >= settings.read_only_hours.from
}

closed if {
	over_midnight
	hour < settings.read_only_hours.until
}

problem contains sprintf("read_only_hours.%s: want an hour from 0 to 24", [key]) if {
	some key in ["from", "until"]
	not settings.read_only_hours[key] in numbers.range(0, 24)
}
