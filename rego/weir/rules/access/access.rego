# METADATA
# title: Access
# description: Who may use which kind of target, and who may change things there, by group.
package weir.rules.access

import data.weir.settings

allow contains "group may use this kind of target" if permitted(settings.access[input.target.kind])

deny contains {"reason": sprintf("your groups may not change things on %s", [input.target.name])} if {
	input.operation.class == "write"
	not permitted(settings.access.write)
}

deny contains {"reason": sprintf("your groups may not administer %s", [input.target.name])} if {
	input.operation.class == "admin"
	not permitted(settings.access.admin)
}

permitted(groups) if "*" in groups

permitted(groups) if {
	some group in input.subject.groups
	group in groups
}
