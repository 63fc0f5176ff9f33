# METADATA
# title: Access
# description: Who may use which kind of target, and who may change things there, by group.
package weir.rules.access

settings := data.weir.settings.access

allow contains "group may use this kind of target" if {
	some group in settings[input.target.kind]
	member(group)
}

deny contains {"reason": sprintf("your groups may not change things on %s", [input.target.name])} if {
	input.operation.class == "write"
	not permitted(settings.write)
}

deny contains {"reason": sprintf("your groups may not administer %s", [input.target.name])} if {
	input.operation.class == "admin"
	not permitted(settings.admin)
}

permitted(groups) if {
	some group in groups
	member(group)
}

member("*") if true

member(group) if group in input.subject.groups
