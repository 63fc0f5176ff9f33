package weir.rules.masking_test

import data.weir.rules.masking

settings := {"masking": {
	"raw_groups": ["research"],
	"default": "zero",
	"obfuscate_groups": ["clustering"],
	"obfuscation": "rotate",
	"scores": "round:2",
	"fields": ["documents[*][*]"],
}}

masks(groups) := found if {
	found := masking.mask with input as {"subject": {"groups": groups}} with data.weir.settings as settings
}

test_raw_for_named_groups if masks(["x", "research"]) == {"none"}

test_masked_for_everybody_else if masks(["x"]) == {"zero"}

test_masked_without_groups if {
	masking.mask == {"zero"} with input as {"subject": {}} with data.weir.settings as settings
}

test_obfuscated_for_named_groups if masks(["clustering"]) == {"obfuscate:rotate"}

test_raw_is_raw_in_other_groups_too if masks(["clustering", "research"]) == {"none"}

test_scores_and_fields_go_with_the_vectors if {
	masking.score == {"round:2"} with input as {"subject": {"groups": ["x"]}} with data.weir.settings as settings
	masking.field == {"documents[*][*]"} with input as {"subject": {"groups": ["x"]}} with data.weir.settings as settings
	masking.score == set() with input as {"subject": {"groups": ["research"]}} with data.weir.settings as settings
	masking.field == set() with input as {"subject": {"groups": ["research"]}} with data.weir.settings as settings
}

with_setting(key, value) := {"masking": object.union(settings.masking, {key: value})}

test_the_default_must_protect if {
	masking.problem == set() with data.weir.settings as settings with data.weir.installation as {"mask_keys": true}
	every word in ["seal", "token", "unit", "redact", "refuse"] {
		masking.problem == set() with data.weir.settings as with_setting("default", word)
			with data.weir.installation as {"mask_keys": true}
	}
	every word in ["none", "obfuscate:rotate", "blur", 1] {
		count(masking.problem) == 1 with data.weir.settings as with_setting("default", word)
			with data.weir.installation as {"mask_keys": true}
	}
}

test_words_are_checked if {
	every key, word in {"obfuscation": "shuffle", "scores": "round:7"} {
		count(masking.problem) == 1 with data.weir.settings as with_setting(key, word) with data.weir.installation as {"mask_keys": true}
	}
}

test_places_are_checked if {
	every path in ["email", "metadatas[*][*].email", "result.points[*].payload.**", "*.x", "**.email", "a.b-c[*]"] {
		masking.problem == set() with data.weir.settings as with_setting("fields", [path]) with data.weir.installation as {"mask_keys": true}
	}
	every path in ["", "$.result", "result[0].email", "a..b", "a.", ".a", "a[]"] {
		count(masking.problem) > 0 with data.weir.settings as with_setting("fields", [path]) with data.weir.installation as {"mask_keys": true}
	}
}

test_scores_may_stay if {
	masking.problem == set() with data.weir.settings as with_setting("scores", "keep") with data.weir.installation as {"mask_keys": true}
}

test_keyed_masks_need_keys if {
	every key, word in {"default": "seal", "obfuscation": "noise"} {
		count(masking.problem) > 0 with data.weir.settings as with_setting(key, word) with data.weir.installation as {"mask_keys": false}
	}
	keyless := with_setting("obfuscate_groups", [])
	masking.problem == set() with data.weir.settings as keyless with data.weir.installation as {"mask_keys": false}
}

test_obfuscation_is_warned_of if {
	count(masking.warning) == 1 with data.weir.settings as settings
	masking.warning == set() with data.weir.settings as with_setting("obfuscate_groups", [])
}

test_everybody_is_no_group if {
	every key in ["raw_groups", "obfuscate_groups"] {
		found := masking.problem with data.weir.settings as with_setting(key, ["x", "*"]) with data.weir.installation as {"mask_keys": true}
		found == {sprintf("masking.%s: \"*\" is not everybody here: want names of groups", [key])}
	}
}

test_a_group_of_both_is_warned_of if {
	found := masking.warning with data.weir.settings as with_setting("raw_groups", ["research", "clustering"])
	"masking.obfuscate_groups: clustering is in raw_groups too, and gets raw vectors" in found
	count(found) == 2
}

test_words_must_be_there if count(masking.problem) == 3 with data.weir.settings as {}
