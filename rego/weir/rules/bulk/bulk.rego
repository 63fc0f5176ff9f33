# METADATA
# title: Bulk extraction
# description: How many vectors one request may ask for, and one person may take in an hour.
package weir.rules.bulk

settings := data.weir.settings.bulk

deny contains {
	"kind": "quota",
	"reason": sprintf("one request may ask for %d vectors at most, this one asks for %d", [settings.max_vectors_per_request, input.operation.vectors]),
	"alternatives": [sprintf("ask for %d vectors or fewer at a time", [settings.max_vectors_per_request])],
} if {
	input.operation.vectors > settings.max_vectors_per_request
}

deny contains {
	"reason": "the request asks for vectors and states no bound",
	"alternatives": ["state a limit", "ask without vectors"],
} if {
	input.operation.vectors < 0
	not exporter
}

deny contains {
	"reason": "a collection may not be taken as a whole",
	"alternatives": ["state a limit", "ask for ids"],
} if {
	input.operation.class == "export"
	not exporter
}

exporter if {
	some group in settings.export_groups
	group in input.subject.groups
}

limit contains {"meter": "subject_target", "unit": "vectors", "window": "1h", "max": settings.max_vectors_per_hour, "over": "deny"}

limit contains {"meter": "subject_target", "unit": "vectors_masked", "window": "1h", "max": settings.max_masked_vectors_per_hour, "over": "deny"}
