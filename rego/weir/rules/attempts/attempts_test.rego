package weir.rules.attempts_test

import data.weir.rules.attempts

stated := {"attempts": {"flag_per_hour": 3, "flag_per_day": 10}}

flagged(counts) := {f.reason | some f in flags; f.name == "repeated_attempts"} if {
	flags := attempts.flag with input as {"operation": {"class": "read", "attempts": counts}} with data.weir.settings as stated
}

test_the_third_in_an_hour_is_flagged if {
	flagged({"hour": 2, "day": 2}) == set()
	flagged({"hour": 3, "day": 3}) == {"asked for models' weights 3 times or more in an hour"}
	flagged({"hour": 300, "day": 9}) == {"asked for models' weights 3 times or more in an hour"}
}

test_so_are_many_in_a_day if {
	flagged({"hour": 1, "day": 10}) == {"asked for models' weights 10 times or more in a day"}
	count(flagged({"hour": 4, "day": 12})) == 2
}

test_nothing_is_flagged_that_is_no_attempt if {
	attempts.flag == set() with input as {"operation": {"class": "read"}} with data.weir.settings as stated
}

test_zero_is_never if {
	attempts.flag == set() with input as {"operation": {"class": "read", "attempts": {"hour": 9, "day": 99}}}
		with data.weir.settings as {"attempts": {"flag_per_hour": 0, "flag_per_day": 0}}
}

test_settings_that_are_no_numbers_are_problems if {
	count(attempts.problem) == 0 with data.weir.settings as stated
	attempts.problem == {
		"attempts.flag_per_day: want a whole number from 0 up",
		"attempts.flag_per_hour: want a whole number from 0 up",
	} with data.weir.settings as {"attempts": {"flag_per_hour": 1.5, "flag_per_day": "ten"}}
}
