# METADATA
# title: Collection allow-lists
# description: |
#   Which groups may touch which collections of the vector databases listed. A collection that is not listed is nobody's, and so is a request
#   that names none, unless it only lists names.
package weir.rules.collection_allowlist

import data.weir.settings

deny contains "this collection is not open to your groups (setting collection_allowlist.collections)" if {
	input.target.name in settings.collection_allowlist.targets
	not permitted
	not lists_names
}

permitted if "*" in settings.collection_allowlist.collections[input.operation.collection]

permitted if {
	some group in input.subject.groups
	group in settings.collection_allowlist.collections[input.operation.collection]
}

lists_names if {
	input.operation.class == "list"
	not named
}

named if input.operation.collection != ""
