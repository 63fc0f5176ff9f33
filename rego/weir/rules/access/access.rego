# METADATA
# title: Access
# description: |
#   Who may use which kind of target, and who may change things there, by group. A refusal names the setting that lists the groups, for
#   whoever runs Weir, and never the groups.
package weir.rules.access

import data.weir.settings

allow contains "group may use this kind of target" if usable

usable if "*" in settings.access[input.target.kind]

usable if {
	some group in input.subject.groups
	group in settings.access[input.target.kind]
}

missing contains sprintf("your groups may not use targets of kind %s (setting access.%s)", [kind, kind]) if {
	kind := input.target.kind
	not usable
}

deny contains {"reason": sprintf("your groups may not change things on %s (setting access.write)", [input.target.name])} if {
	input.operation.class == "write"
	not permitted(settings.access.write)
}

# A copy within a store writes as well as it reads.
deny contains {"reason": sprintf("your groups may not change things on %s (setting access.write)", [input.target.name])} if {
	input.operation.into != ""
	not permitted(settings.access.write)
}

deny contains {"reason": sprintf("your groups may not administer %s (setting access.admin)", [input.target.name])} if {
	input.operation.class == "admin"
	not permitted(settings.access.admin)
}

permitted(groups) if "*" in groups

permitted(groups) if {
	some group in input.subject.groups
	group in groups
}
