# METADATA
# title: Model versions
# description: |
#   What the registry of model versions says of an object: a retired version is for nobody but in an emergency (break-glass), and a class is for
#   the groups that may read it. What the registry does not know has the highest class. Whoever asks for a retired version is marked in the
#   record (flag retired_version), and so is whoever gets it (flag break_glass).
package weir.rules.modelversion

import data.weir.settings

deny contains {"reason": "this version of a model is retired", "alternatives": ways} if {
	retired
	not broken_glass
}

deny contains {"reason": sprintf("your groups may not read %s of class %s (setting model_versions.readers)", [what, class])} if {
	concerned
	count(settings.model_versions.readers) > 0
	class := input.operation.registered.sensitivity
	not readable(class)
}

# How to say that it is an emergency is told to those who may.
default ways := ["ask for a version that is not retired"]

ways := ["ask for a version that is not retired", way] if {
	may_break_glass
	way := sprintf("in an emergency, send a weir-justification header that matches %s", [settings.model_versions.break_glass.justification])
}

flag contains {"name": "retired_version", "reason": "asked for a retired version of a model"} if retired

flag contains {"name": "break_glass", "reason": "was let have a retired version of a model, in an emergency"} if {
	retired
	broken_glass
}

retired if input.operation.registered.state == "retired"

broken_glass if {
	may_break_glass
	regex.match(settings.model_versions.break_glass.justification, input.justification)
}

may_break_glass if {
	some group in input.subject.groups
	group in settings.model_versions.break_glass.groups
}

default what := "a version of a model that the registry does not know, which is"

what := "versions of models" if input.operation.registered.known

concerned if input.operation.registered.known

# What the registry does not know is no version of a model, unless it shows that it is one, or lies among them.
concerned if {
	input.operation.registered
	input.operation.artifact == "checkpoint"
}

concerned if {
	input.operation.registered
	input.target.kind == "weights"
	not settings.model_checkpoints.every_file == false
}

readable(class) if "*" in settings.model_versions.readers[class]

readable(class) if {
	some group in input.subject.groups
	group in settings.model_versions.readers[class]
}

problem contains "model_versions.break_glass.justification is not a regular expression (RE2)" if {
	not regex.is_valid(object.get(settings, ["model_versions", "break_glass", "justification"], null))
}

problem contains sprintf("model_versions.readers.%s: want a list of groups", [class]) if {
	some class, groups in settings.model_versions.readers
	not is_array(groups)
}

# Any words at all would do, none among them.
problem contains "model_versions.break_glass.justification: want one that an empty text does not match" if {
	pattern := object.get(settings, ["model_versions", "break_glass", "justification"], null)
	regex.is_valid(pattern)
	regex.match(pattern, "")
}
