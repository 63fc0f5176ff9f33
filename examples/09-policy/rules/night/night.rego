# METADATA
# title: Night
# description: Nobody exports at night, UTC.
package weir.rules.night

import data.weir.settings

deny contains {
	"reason": "not at night",
	"alternatives": ["come back in the morning"],
} if {
	input.operation.class in settings.night.classes
	time.clock(input.time.unix_ns)[0] < settings.night.until
}
