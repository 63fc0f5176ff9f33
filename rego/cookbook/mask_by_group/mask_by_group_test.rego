package weir.rules.mask_by_group_test

import data.weir.rules.mask_by_group

settings := {"mask_by_group": {
	"vectors": {"vendors": "zero", "audit": "refuse"},
	"scores": {"vendors": "rank"},
	"fields": {"support": ["metadatas[*][*].email"], "vendors": ["documents[*][*]"]},
}}

of(groups) := {"mask": masks, "score": scores, "field": fields} if {
	asked := {"subject": {"groups": groups}}
	masks := mask_by_group.mask with input as asked with data.weir.settings as settings
	scores := mask_by_group.score with input as asked with data.weir.settings as settings
	fields := mask_by_group.field with input as asked with data.weir.settings as settings
}

test_one_group if of(["vendors"]) == {"mask": {"zero"}, "score": {"rank"}, "field": {"documents[*][*]"}}

test_two_groups_join if {
	of(["vendors", "support", "audit"]) == {
		"mask": {"zero", "refuse"},
		"score": {"rank"},
		"field": {"documents[*][*]", "metadatas[*][*].email"},
	}
}

test_others_are_not_its_business if of(["research"]) == {"mask": set(), "score": set(), "field": set()}

test_words_are_checked if {
	mask_by_group.problem == set() with data.weir.settings as settings
	wrong := {"mask_by_group": {"vectors": {"a": "blur"}, "scores": {"a": "exact"}}}
	count(mask_by_group.problem) == 2 with data.weir.settings as wrong
}
