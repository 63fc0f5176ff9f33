package weir.rules.corpus_test

import data.weir.rules.corpus

stated(over) := {"corpus": {"most": 0.2, "over": over, "whole_groups": ["trainers"]}}

asked(before, after, groups) := {
	"subject": {"groups": groups},
	"operation": {"class": "read", "corpus": {"documents": 100, "share": {"before": before, "after": after}}},
}

says(over, before, after, groups) := said if {
	said := {"deny": count(corpus.deny), "hold": count(corpus.hold), "flag": count(corpus.flag)} with input as asked(before, after, groups)
		with data.weir.settings as stated(over)
}

nothing := {"deny": 0, "hold": 0, "flag": 0}

test_within_the_share_nothing_is_said if {
	says("deny", 0.19, 0.2, []) == nothing
	says("flag", 0, 0.01, []) == nothing
}

test_beyond_it_what_the_settings_say if {
	says("deny", 0.2, 0.21, []) == object.union(nothing, {"deny": 1})
	says("hold", 0.2, 0.21, []) == object.union(nothing, {"hold": 1})
	says("flag", 0.2, 0.21, []) == object.union(nothing, {"flag": 1})
}

test_what_one_has_had_may_be_had_again if says("deny", 0.5, 0.5, []) == nothing

test_some_may_have_all_of_it if {
	says("deny", 0.9, 1, ["trainers"]) == nothing
	says("deny", 0.9, 1, ["research"]).deny == 1
}

test_without_a_size_there_is_no_share if {
	corpus.deny == set() with input as {"operation": {"class": "read", "corpus": {"read": {"before": 10, "after": 11}}}}
		with data.weir.settings as stated("deny")
}

test_settings_are_checked if {
	corpus.problem == set() with data.weir.settings as stated("hold")
	wrong := {"corpus": {"most": 20, "over": "refuse"}}
	corpus.problem == {"corpus.most: want a share, from 0 to 1", "corpus.over: want deny, hold or flag"} with data.weir.settings as wrong
}
