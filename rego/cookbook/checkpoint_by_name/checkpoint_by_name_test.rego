package weir.rules.checkpoint_by_name_test

import data.weir.rules.checkpoint_by_name

settings := {"checkpoint_by_name": {"paths": {
	"/models/": ["*"],
	"/models/finetuned/": ["ml-leads"],
}}}

asks(path, groups) := {
	"subject": {"groups": groups},
	"operation": {"class": "read", "artifact": "checkpoint", "object": path},
}

denials(asked) := found if found := checkpoint_by_name.deny with input as asked with data.weir.settings as settings

test_listed_for_everybody if denials(asks("/models/base/model.safetensors", [])) == set()

test_the_narrower_entry_counts_too if {
	denials(asks("/models/finetuned/a/model.safetensors", ["ml-leads"])) == set()
	refused := denials(asks("/models/finetuned/a/model.safetensors", ["research"]))
	refused == {"your groups may not download what is below /models/finetuned/ (setting checkpoint_by_name.paths)"}
}

test_not_listed_is_nobodys if {
	denials(asks("/scratch/model.safetensors", ["ml-leads"])) == {"this model checkpoint is not on the list (setting checkpoint_by_name.paths)"}
}

test_without_a_name_is_nobodys if {
	nameless := {"subject": {"groups": ["ml-leads"]}, "operation": {"class": "read", "artifact": "checkpoint"}}
	count(denials(nameless)) == 1
}

test_other_files_are_not_its_business if denials({"subject": {}, "operation": {"class": "read", "object": "/scratch/README.md"}}) == set()

test_uploading_is_not_its_business if {
	denials(object.union(asks("/scratch/m.pt", []), {"operation": {"class": "write"}})) == set()
}
