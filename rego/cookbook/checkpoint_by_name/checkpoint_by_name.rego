# METADATA
# title: Model checkpoints by name
# description: |
#   Which groups may download which model checkpoints, by the beginning of their path. Every beginning that matches must permit it, and one must
#   match: a model that nobody listed is nobody's.
package weir.rules.checkpoint_by_name

import data.weir.settings

deny contains "this model checkpoint is not on the list (setting checkpoint_by_name.paths)" if {
	wanted
	not listed
}

deny contains sprintf("your groups may not download what is below %s (setting checkpoint_by_name.paths)", [path]) if {
	wanted
	some path, groups in settings.checkpoint_by_name.paths
	startswith(input.operation.object, path)
	not permitted(groups)
}

wanted if {
	input.operation.artifact == "checkpoint"
	not input.operation.class in {"write", "admin"}
}

listed if {
	some path, _ in settings.checkpoint_by_name.paths
	startswith(input.operation.object, path)
}

permitted(groups) if "*" in groups

permitted(groups) if {
	some group in input.subject.groups
	group in groups
}
