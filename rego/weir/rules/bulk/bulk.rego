# METADATA
# title: Bulk extraction
# description: How many vectors and documents one request may ask for, and one person may take in an hour.
package weir.rules.bulk

import data.weir.settings

deny contains {"kind": "quota", "reason": reason, "alternatives": [way]} if {
	most := settings.bulk.max_vectors_per_request
	input.operation.vectors > most
	reason := sprintf("one request may ask for %d vectors at most, this one asks for %d", [most, input.operation.vectors])
	way := sprintf("ask for %d vectors or fewer at a time", [most])
}

deny contains {"kind": "quota", "reason": reason, "alternatives": [way]} if {
	takes
	most := settings.bulk.max_documents_per_request
	input.operation.documents > most
	reason := sprintf("one request may ask for %d documents at most, this one asks for %d", [most, input.operation.documents])
	way := sprintf("ask for %d documents or fewer at a time", [most])
}

deny contains {
	"reason": "the request asks for vectors and states no bound",
	"alternatives": ["state a limit", "ask without vectors"],
} if {
	input.operation.vectors < 0
	input.operation.class != "unknown" # there is nothing to state a limit of
	not exporter
}

# What has no bound cannot be counted before it leaves, nor after: a limit of documents would not hold.
deny contains {
	"reason": "the request asks for documents and states no bound, or none that a server keeps",
	"alternatives": ["state a limit"],
} if {
	input.operation.documents < 0
	input.operation.vectors >= 0 # or it is refused for those
	input.operation.class in {"search", "read", "embed"}
	not exporter
}

deny contains {
	"reason": "a collection may not be taken as a whole",
	"alternatives": ["state a limit", "ask for ids"],
} if {
	exports
	not bounded
}

# Page by page it is all of it in the end: a limit is stated already, and is no way.
deny contains {
	"reason": "a collection may not be taken as a whole, nor page by page",
	"alternatives": ["search", "ask for ids"],
} if {
	exports
	bounded
}

bounded if input.operation.documents > 0

exports if {
	input.operation.class == "export"
	not exporter
}

# Whoever writes brings documents, and takes none.
takes if not input.operation.class in {"write", "admin"}

exporter if {
	some group in input.subject.groups
	group in settings.bulk.export_groups
}

# One person on one target; what left masked is counted apart from what left raw.
limit contains {"meter": "subject_target", "unit": "vectors", "window": "1h", "max": settings.bulk.max_vectors_per_hour}

limit contains {"meter": "subject_target", "unit": "vectors_masked", "window": "1h", "max": settings.bulk.max_masked_vectors_per_hour}

limit contains {"meter": "subject_target", "unit": "documents", "window": "1h", "max": settings.bulk.max_documents_per_hour} if {
	takes
	input.operation.documents >= 0 # or there is nothing to count: refused above, but for those who may export
}

problem contains sprintf("bulk.%s: want a whole number from 0 up", [key]) if {
	some key in [
		"max_vectors_per_request",
		"max_vectors_per_hour",
		"max_masked_vectors_per_hour",
		"max_documents_per_request",
		"max_documents_per_hour",
	]
	not natural(object.get(settings, ["bulk", key], null))
}

natural(n) if {
	is_number(n)
	n >= 0
	n == floor(n)
}
