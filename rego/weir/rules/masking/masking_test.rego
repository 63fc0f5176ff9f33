package weir.rules.masking_test

import data.weir.rules.masking

settings := {"masking": {"raw_groups": ["research"], "default": "zero"}}

masks(groups) := found if {
	found := masking.mask with input as {"subject": {"groups": groups}} with data.weir.settings as settings
}

test_raw_for_named_groups if masks(["x", "research"]) == {"none"}

test_masked_for_everybody_else if masks(["x"]) == {"zero"}

test_masked_without_groups if {
	masking.mask == {"zero"} with input as {"subject": {}} with data.weir.settings as settings
}

test_the_default_must_protect if {
	masking.problem == set() with data.weir.settings as settings
	every word in ["none", "blur", 1] {
		count(masking.problem) == 1 with data.weir.settings as {"masking": {"default": word}}
	}
}
