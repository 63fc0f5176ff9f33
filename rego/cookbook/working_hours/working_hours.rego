# METADATA
# title: Working hours
# description: |
#   For the groups listed, the days and hours in which they may ask at all, by the clock of one place: summer time and leap days included. It
#   reads the time, so that it is asked each time; what all other rules say is kept.
package weir.rules.working_hours

import data.weir.settings

deny contains {"reason": "not at this hour (setting working_hours)", "alternatives": [way]} if {
	bound
	not at_work
	hours := [settings.working_hours.from, settings.working_hours.until, settings.working_hours.zone]
	way := sprintf("come back between %d and %d o'clock, %s", hours)
}

bound if "*" in settings.working_hours.groups

bound if {
	some group in input.subject.groups
	group in settings.working_hours.groups
}

at_work if {
	time.weekday([input.time.unix_ns, settings.working_hours.zone]) in settings.working_hours.days
	[hour, _, _] := time.clock([input.time.unix_ns, settings.working_hours.zone])
	hour >= settings.working_hours.from
	hour < settings.working_hours.until
}

problem contains sprintf("working_hours.days: %v is no day: want Monday, Tuesday, …", [day]) if {
	some day in settings.working_hours.days
	not day in {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}
}

problem contains "working_hours: want 0 <= from < until <= 24, and a zone of the IANA data base" if not sane

sane if {
	settings.working_hours.from >= 0
	settings.working_hours.from < settings.working_hours.until
	settings.working_hours.until <= 24
	time.weekday([0, settings.working_hours.zone])
}
