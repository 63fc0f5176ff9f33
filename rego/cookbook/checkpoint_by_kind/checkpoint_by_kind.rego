# METADATA
# title: Model checkpoints by kind of target
# description: |
#   Model checkpoints leave from targets of the kinds listed only, and only for their groups. One that lies in a corpus or behind a configuration
#   server is there by mistake, or on its way out.
package weir.rules.checkpoint_by_kind

import data.weir.settings

deny contains sprintf("a target of kind %s yields no model checkpoints to your groups (setting checkpoint_by_kind.kinds)", [kind]) if {
	input.operation.artifact == "checkpoint"
	not input.operation.class in {"write", "admin"}
	kind := input.target.kind
	not permitted
}

permitted if "*" in settings.checkpoint_by_kind.kinds[input.target.kind]

permitted if {
	some group in input.subject.groups
	group in settings.checkpoint_by_kind.kinds[input.target.kind]
}

problem contains sprintf("checkpoint_by_kind.kinds.%s: no such kind of target", [kind]) if {
	some kind, _ in settings.checkpoint_by_kind.kinds
	not kind in {"inference", "vectordb", "corpus", "weights", "registry", "config"}
}
