package weir.rules.night_test

import data.weir.rules.night

settings := {"night": {"classes": ["search"], "until": 6}}

at(hour) := count(found) if {
	asked := {"operation": {"class": "search"}, "time": {"unix_ns": ((hour * 60) * 60) * 1000000000}}
	found := night.deny with input as asked with data.weir.settings as settings
}

test_at_night if at(3) == 1

test_by_day if at(6) == 0
