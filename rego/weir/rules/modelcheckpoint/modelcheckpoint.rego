# METADATA
# title: Model checkpoints
# description: A model checkpoint leaves only for permitted groups, and only with a justification.
package weir.rules.modelcheckpoint

import data.weir.settings

# What is recognised as a model checkpoint, wherever it lies. Uploading one is the business of the access rule.
wanted if {
	input.operation.artifact == "checkpoint"
	not input.operation.class in {"write", "admin"}
}

# A file can be renamed: what lies beside model checkpoints counts as one, unless the settings say otherwise. Whatever the method: some
# servers answer OPTIONS with the file.
wanted if {
	input.target.kind == "weights"
	not input.operation.class in {"write", "admin"}
	not settings.model_checkpoints.every_file == false
}

deny contains {"reason": "your groups may not download model checkpoints (setting model_checkpoints.groups)"} if {
	wanted
	not permitted
}

deny contains {"reason": "a model checkpoint needs a justification", "alternatives": [way]} if {
	wanted
	permitted
	not justified
	way := sprintf("send a weir-justification header that matches %s", [settings.model_checkpoints.justification])
}

permitted if {
	some group in input.subject.groups
	group in settings.model_checkpoints.groups
}

justified if regex.match(settings.model_checkpoints.justification, input.justification)

problem contains "model_checkpoints.justification is not a regular expression (RE2)" if {
	not regex.is_valid(object.get(settings, ["model_checkpoints", "justification"], null))
}
