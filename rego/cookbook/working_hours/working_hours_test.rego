package weir.rules.working_hours_test

import data.weir.rules.working_hours

settings := {"working_hours": {
	"groups": ["contractors"],
	"zone": "Europe/Berlin",
	"days": ["Monday", "Tuesday"],
	"from": 8,
	"until": 18,
}}

denied(at, groups) if {
	ns := time.parse_rfc3339_ns(at)
	found := working_hours.deny with input as {"subject": {"groups": groups}, "time": {"unix_ns": ns}} with data.weir.settings as settings
	count(found) == 1
}

test_from_the_first_minute_to_the_last if {
	denied("2026-11-23T07:59:59+01:00", ["contractors"])
	not denied("2026-11-23T08:00:00+01:00", ["contractors"])
	not denied("2026-11-23T17:59:59+01:00", ["contractors"])
	denied("2026-11-23T18:00:00+01:00", ["contractors"])
}

test_not_on_other_days if {
	denied("2026-11-25T12:00:00+01:00", ["contractors"])
	denied("2026-11-22T12:00:00+01:00", ["contractors"])
}

test_summer_time if {
	not denied("2026-07-06T06:30:00Z", ["contractors"])
	denied("2026-11-23T06:30:00Z", ["contractors"])
}

test_others_are_not_bound if {
	not denied("2026-11-22T03:00:00Z", ["research"])
	not denied("2026-11-22T03:00:00Z", [])
}

test_everybody if {
	found := working_hours.deny with input as {"subject": {}, "time": {"unix_ns": 0}}
		with data.weir.settings as {"working_hours": object.union(settings.working_hours, {"groups": ["*"]})}
	{way | some denial in found; some way in denial.alternatives} == {"come back between 8 and 18 o'clock, Europe/Berlin"}
}

test_settings_are_checked if {
	working_hours.problem == set() with data.weir.settings as settings
	wrong := {"working_hours": {"groups": [], "zone": "UTC", "days": ["Mon"], "from": 18, "until": 8}}
	count(working_hours.problem) == 2 with data.weir.settings as wrong
}
