# METADATA
# title: Masking
# description: Vectors leave as they are for named groups only. Everybody else gets them masked.
package weir.rules.masking

import data.weir.settings

mask contains "none" if raw

mask contains settings.masking["default"] if not raw

raw if {
	some group in input.subject.groups
	group in settings.masking.raw_groups
}

problem contains "masking.default: want redact, zero or refuse" if {
	not object.get(settings, ["masking", "default"], null) in {"redact", "zero", "refuse"}
}
