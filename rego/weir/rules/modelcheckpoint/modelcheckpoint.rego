# METADATA
# title: Model checkpoints
# description: A model checkpoint leaves only for permitted groups, and only with a justification.
package weir.rules.modelcheckpoint

settings := data.weir.settings.model_checkpoints

wanted if {
	input.operation.artifact == "checkpoint"
	input.operation.class == "read"
}

deny contains {"reason": "your groups may not download model checkpoints"} if {
	wanted
	not permitted
}

deny contains {
	"reason": "a model checkpoint needs a justification",
	"alternatives": [sprintf("send a weir-justification header that matches %s", [settings.justification])],
} if {
	wanted
	permitted
	not justified
}

permitted if {
	some group in settings.groups
	group in input.subject.groups
}

justified if regex.match(settings.justification, input.justification)
