package weir.rules.read_only_hours_test

import data.weir.rules.read_only_hours

closed(class, kind, hour, hours) if {
	asked := {"operation": {"class": class}, "target": {"kind": kind}, "time": {"unix_ns": ((hour * 3600) + 1) * 1000000000}}
	found := read_only_hours.deny with input as asked
		with data.weir.settings as {"read_only_hours": {"kinds": ["vectordb"], "from": hours[0], "until": hours[1]}}
	count(found) == 1
}

test_within if {
	not closed("write", "vectordb", 0, [1, 4])
	closed("write", "vectordb", 1, [1, 4])
	closed("admin", "vectordb", 3, [1, 4])
	not closed("write", "vectordb", 4, [1, 4])
}

test_over_midnight if {
	not closed("write", "vectordb", 21, [22, 3])
	closed("write", "vectordb", 22, [22, 3])
	closed("write", "vectordb", 2, [22, 3])
	not closed("write", "vectordb", 3, [22, 3])
}

test_reading_goes_on if not closed("search", "vectordb", 2, [1, 4])

test_other_kinds if not closed("write", "corpus", 2, [1, 4])

test_hours_are_checked if {
	read_only_hours.problem == set() with data.weir.settings as {"read_only_hours": {"from": 0, "until": 24}}
	count(read_only_hours.problem) == 2 with data.weir.settings as {"read_only_hours": {"from": -1, "until": "4"}}
}
