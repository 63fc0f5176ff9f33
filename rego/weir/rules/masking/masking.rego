# METADATA
# title: Masking
# description: Vectors leave raw for named groups only. Everybody else gets them masked.
package weir.rules.masking

settings := data.weir.settings.masking

mask contains "none" if raw

mask contains settings["default"] if not raw

raw if {
	some group in settings.raw_groups
	group in input.subject.groups
}
