package weir.authz_test

import data.weir.authz

# data.weir.parts is given by pkg/policy.
decided(rules) := decision if {
	said := {"allow", "missing", "deny", "hold", "limit", "mask", "score", "field", "strict", "flag"}
	parts := {part: [name | some name, rule in rules; rule[part]] | some part in said}
	decision := authz.decision with data.weir.rules as rules with data.weir.parts as parts
}

# Without it nothing is allowed.
test_no_parts_deny if {
	decision := authz.decision with data.weir.rules as {"a": {"allow": {"yes"}}} with data.weir.parts as {}
	decision.effect == "deny"
}

test_no_rules_deny if decided({}).effect == "deny"

test_what_is_missing_is_the_reason if {
	decided({"a": {"deny": set()}}).reason == "no rule allows this"
	d := decided({"a": {"missing": {"not you"}}, "b": {"missing": {"not now"}}})
	d.effect == "deny"
	d.rule == "weir.authz"
	d.reason == "not now; not you"
}

test_what_is_missing_denies_nothing if {
	decided({"a": {"allow": {"yes"}}, "b": {"missing": {"not you"}}}).effect == "allow"
}

test_an_allow_allows_and_masks if {
	d := decided({"a": {"allow": {"yes"}}})
	d.effect == "allow"
	d.mask.vectors == "redact"
}

test_any_deny_wins if {
	d := decided({"a": {"allow": {"yes"}, "mask": {"none"}}, "b": {"deny": {"no"}}, "c": {"hold": {"wait"}}})
	d.effect == "deny"
	d.rule == "weir.rules.b"
	d.reason == "no"
}

test_a_hold_needs_an_allow if decided({"a": {"hold": {"wait"}}}).effect == "deny"

test_a_hold_holds_an_allow if {
	d := decided({"a": {"allow": {"yes"}}, "b": {"hold": {{"reason": "wait", "approval": {"reviewers": ["group:leads"], "votes": 1}}}}})
	d.effect == "hold"
	d.rule == "weir.rules.b"
	d.approval.votes == 1
}

test_a_denial_cannot_change_the_effect if {
	d := decided({"a": {"allow": {"yes"}}, "b": {"deny": {{"reason": "no", "effect": "allow", "mask": {"vectors": "none"}, "rule": "other"}}}})
	d.effect == "deny"
	d.mask.vectors == "redact"
	d.rule == "weir.rules.b"
}

test_a_denial_by_right_is_told_before_one_by_volume if {
	by_volume := {"kind": "quota", "reason": "too many", "alternatives": ["fewer"]}
	d := decided({"a": {"deny": {by_volume}}, "b": {"deny": {{"reason": "never", "kind": "forbidden", "alternatives": ["ask"]}}}})
	d.rule == "weir.rules.b"
	d.kind == "forbidden"
	{way | some way in d.alternatives} == {"fewer", "ask"}
	decided({"a": {"deny": {by_volume}}}).kind == "quota"
}

test_a_way_out_is_told_once if {
	denial := {"reason": "too much", "alternatives": ["state a limit", "ask for ids"]}
	d := decided({"a": {"deny": {denial}}, "b": {"deny": {object.union(denial, {"alternatives": ["state a limit"]})}}})
	d.alternatives == ["ask for ids", "state a limit"]
}

test_limits_join if {
	count(decided({"a": {"allow": {"yes"}, "limit": {{"max": 1}}}, "b": {"limit": {{"max": 2}, {"max": 1}}}}).limits) == 2
}

masked(words) := decided({"a": {"allow": {"yes"}, "mask": words}}).mask.vectors

test_the_strictest_mask_wins if {
	masked({"none"}) == "none"
	masked({"none", "zero"}) == "zero"
	masked({"zero"}) == "zero"
	masked({"none", "redact"}) == "redact"
	masked({"zero", "redact"}) == "redact"
	masked({"none", "zero", "redact", "refuse"}) == "refuse"
	masked({"none", "seal"}) == "seal"
	masked({"obfuscate:rotate", "none"}) == "obfuscate:rotate"
	masked({"obfuscate:rotate+noise", "seal"}) == "seal"
	masked({"seal", "token"}) == "token"
	masked({"token", "zero", "unit"}) == "zero"
	masked(set()) == "redact"
}

test_scores_fields_and_strictness_join if {
	d := decided({
		"a": {"allow": {"yes"}, "score": {"round:2"}, "field": {"metadatas[*][*].email"}},
		"b": {"score": {"round:0", "round:6"}, "field": {"documents[*][*]"}, "strict": {"yes"}},
	})
	d.mask == {"vectors": "redact", "scores": "round:0", "fields": {"metadatas[*][*].email", "documents[*][*]"}, "strict": true}
	decided({"a": {"allow": {"yes"}, "score": {"round:0", "rank"}}}).mask.scores == "rank"
	decided({"a": {"allow": {"yes"}, "score": {"drop", "rank"}}}).mask.scores == "drop"
	decided({"a": {"allow": {"yes"}, "score": {"drop", "guess"}}}).mask.scores == "guess"
	decided({"a": {"allow": {"yes"}}}).mask == {"vectors": "redact"}
}

test_a_field_alone if {
	decided({"a": {"allow": {"yes"}, "field": {"documents[*][*]"}}}).mask == {"vectors": "redact", "fields": {"documents[*][*]"}}
	decided({"a": {"allow": {"yes"}, "strict": {"yes"}}}).mask == {"vectors": "redact", "strict": true}
}

test_masks_of_two_rules_join if {
	decided({"a": {"allow": {"yes"}, "mask": {"none"}}, "b": {"mask": {"zero"}}}).mask.vectors == "zero"
}

test_a_mask_that_is_not_known_is_not_passed_over if {
	masked({"none", "blur"}) == "blur"
	masked({"none", "blur", "refuse"}) == "blur"
}

test_flags_join_and_change_nothing if {
	flagged := {"flag": {{"name": "odd", "reason": "seen before", "rule": "other"}}}
	d := decided({"a": object.union(flagged, {"allow": {"yes"}, "mask": {"none"}}), "b": flagged})
	d.effect == "allow"
	d.mask.vectors == "none"
	{f.rule | some f in d.flags; f.name == "odd"; f.reason == "seen before"} == {"weir.rules.a", "weir.rules.b"}
	count(decided({"a": flagged}).flags) == 1
	count(decided({"a": object.union(flagged, {"deny": {"no"}})}).flags) == 1
	count(decided({"a": object.union(flagged, {"allow": {"yes"}, "hold": {"ask"}})}).flags) == 1
	decided({"a": flagged}).effect == "deny"
}
