package weir.rules.modelversion_test

import data.weir.rules.modelversion

settings(readers) := {
	"model_versions": {"readers": readers, "break_glass": {"groups": ["on-call"], "justification": "^[A-Z]+-[0-9]+ break-glass: .{10,}"}},
	"model_checkpoints": {"every_file": true},
}

readers := {"public": ["*"], "internal": ["research", "ml-platform"], "restricted": ["ml-platform"]}

is(state, sensitivity) := {"known": state != "unknown", "state": state, "sensitivity": sensitivity}

asks(registered, groups) := {
	"subject": {"groups": groups},
	"target": {"kind": "weights"},
	"operation": {"class": "read", "artifact": "checkpoint", "registered": registered},
}

why(asked, words) := object.union(asked, {"justification": words})

denials(asked) := found if found := modelversion.deny with input as asked with data.weir.settings as settings(readers)

flags(asked) := {flag.name | some flag in found} if found := modelversion.flag with input as asked with data.weir.settings as settings(readers)

test_retired_is_refused if {
	asked := why(asks(is("retired", "public"), ["research"]), "OPS-1 break-glass: the model in production fails")
	flags(asked) == {"retired_version"}
	some denial in denials(asked)
	denial == {"reason": "this version of a model is retired", "alternatives": ["ask for a version that is not retired"]}
}

test_retired_needs_the_words_of_break_glass if {
	count(denials(asks(is("retired", "public"), ["on-call"]))) == 1
	every words in ["", "OPS-1 nightly", "OPS-1 break-glass: now", "break-glass: the model in production fails"] {
		some denial in denials(why(asks(is("retired", "public"), ["on-call"]), words))
		count(denial.alternatives) == 2
		flags(why(asks(is("retired", "public"), ["on-call"]), words)) == {"retired_version"}
	}
}

test_break_glass if {
	asked := why(asks(is("retired", "public"), ["on-call"]), "OPS-1 break-glass: the model in production fails")
	denials(asked) == set()
	flags(asked) == {"retired_version", "break_glass"}
}

test_break_glass_is_for_retired_only if {
	words := "OPS-1 break-glass: the model in production fails"
	count(denials(why(asks(is("active", "restricted"), ["on-call"]), words))) == 1
	count(denials(why(asks(is("retired", "restricted"), ["on-call"]), words))) == 1
	flags(why(asks(is("active", "public"), ["on-call"]), words)) == set()
}

test_nobody_breaks_glass_where_no_group_may if {
	asked := why(asks(is("retired", "public"), ["on-call"]), "OPS-1 break-glass: the model in production fails")
	closed := {"model_versions": {"readers": {}, "break_glass": {"groups": [], "justification": "x"}}, "model_checkpoints": {}}
	count(modelversion.deny) == 1 with input as asked with data.weir.settings as closed
}

test_a_class_is_for_its_groups if {
	denials(asks(is("active", "public"), [])) == set()
	denials(asks(is("active", "internal"), ["research"])) == set()
	denials(asks(is("active", "restricted"), ["ml-platform"])) == set()
	some denial in denials(asks(is("active", "restricted"), ["research"]))
	denial.reason == "your groups may not read versions of models of class restricted (setting model_versions.readers)"
}

test_a_class_without_a_line_is_nobodys if count(denials(asks(is("active", "confidential"), ["ml-platform"]))) == 1

test_nothing_configured if {
	asked := asks(is("active", "restricted"), [])
	modelversion.deny == set() with input as asked with data.weir.settings as settings({})
}

test_what_is_not_known_has_the_highest_class if {
	denials(asks(is("unknown", "restricted"), ["ml-platform"])) == set()
	some denial in denials(asks(is("unknown", "restricted"), ["research"]))
	contains(denial.reason, "that the registry does not know, which is of class restricted")
}

test_no_version_of_a_model if {
	log := {"subject": {}, "target": {"kind": "corpus"}, "operation": {"class": "read", "registered": is("unknown", "restricted")}}
	denials(log) == set()
	count(denials(object.union(log, {"operation": {"artifact": "checkpoint"}}))) == 1
	count(denials(object.union(log, {"operation": {"registered": is("active", "restricted")}}))) == 1
	among := object.union(log, {"target": {"kind": "weights"}})
	count(denials(among)) == 1
	free := object.union(settings(readers), {"model_checkpoints": {"every_file": false}})
	modelversion.deny == set() with input as among with data.weir.settings as free
}

test_no_registry if {
	asked := {"subject": {}, "target": {"kind": "weights"}, "operation": {"class": "read", "artifact": "checkpoint"}}
	denials(asked) == set()
	flags(asked) == set()
}

test_problems if {
	modelversion.problem == set() with data.weir.settings as settings(readers)
	count(modelversion.problem) == 1 with data.weir.settings as settings({"public": "*"})
	every pattern in ["(", "", ".*", null] {
		wrong := {"model_versions": {"readers": {}, "break_glass": {"groups": [], "justification": pattern}}}
		count(modelversion.problem) == 1 with data.weir.settings as wrong
	}
}
