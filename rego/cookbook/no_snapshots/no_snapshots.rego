# METADATA
# title: No snapshots or exports
# description: |
#   Nobody takes a collection as a whole: not by snapshot, backup or scroll, and not by a read or search that states no bound. The shipped rule
#   bulk knows groups that may; this one knows none.
package weir.rules.no_snapshots

import data.weir.settings

deny contains {"reason": "snapshots and exports are not to be had here", "alternatives": ["search, or read by id"]} if {
	covered
	input.operation.class == "export"
}

deny contains {"reason": "a request without a bound is an export", "alternatives": ["state a limit"]} if {
	covered
	input.operation.class in {"read", "search"}
	input.operation.documents < 0
}

covered if input.target.kind in settings.no_snapshots.kinds
