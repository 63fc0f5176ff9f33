# METADATA
# title: Masking
# description: |
#   Vectors leave as they are for named groups only. Everybody else gets them masked; some groups may be given obfuscated ones, to compute on,
#   which is no protection. Scores and fields of the answer are masked for all who do not get raw vectors.
package weir.rules.masking

import data.weir.installation
import data.weir.settings

mask contains "none" if raw

mask contains concat(":", ["obfuscate", settings.masking.obfuscation]) if obfuscated

mask contains settings.masking["default"] if {
	not raw
	not obfuscated
}

score contains settings.masking.scores if {
	settings.masking.scores != "keep"
	not raw
}

field contains path if {
	not raw
	some path in settings.masking.fields
}

raw if {
	some group in input.subject.groups
	group in settings.masking.raw_groups
}

obfuscated if {
	not raw
	some group in input.subject.groups
	group in settings.masking.obfuscate_groups
}

problem contains "masking.default: want redact, zero, unit, seal, token or refuse" if {
	not object.get(settings, ["masking", "default"], null) in {"redact", "zero", "unit", "seal", "token", "refuse"}
}

problem contains "masking.obfuscation: want rotate, noise, rotate+noise, truncate or quantize" if {
	not object.get(settings, ["masking", "obfuscation"], null) in {"rotate", "noise", "rotate+noise", "truncate", "quantize"}
}

problem contains "masking.scores: want keep, drop, rank or round:0 to round:6" if {
	not regex.match(`^(keep|drop|rank|round:[0-6])$`, sprintf("%v", [object.get(settings, ["masking", "scores"], null)]))
}

problem contains sprintf("masking.fields: %v: want a place such as metadatas[*][*].email or result.points[*].payload.**", [path]) if {
	some path in settings.masking.fields
	not regex.match(`^[^.\[\]$][^.\[\]]*(\[\*\])*(\.[^.\[\]]+(\[\*\])*)*$`, sprintf("%v", [path]))
}

problem contains "masking.default: seal and token need mask_keys in weir.yaml" if {
	not installation.mask_keys
	settings.masking["default"] in {"seal", "token"}
}

problem contains sprintf("masking.obfuscate_groups: %s; if that is meant: it needs mask_keys in weir.yaml", [no_protection]) if {
	not installation.mask_keys
	count(settings.masking.obfuscate_groups) > 0
}

# In access "*" is everybody. Here it would be a group of that name, so nobody: whoever writes it means one or the other.
problem contains sprintf("masking.%s: \"*\" is not everybody here: want names of groups", [key]) if {
	some key in ["raw_groups", "obfuscate_groups"]
	"*" in settings.masking[key]
}

warning contains sprintf("masking.obfuscate_groups: %s is in raw_groups too, and gets raw vectors", [group]) if {
	some group in settings.masking.obfuscate_groups
	group in settings.masking.raw_groups
}

warning contains sprintf("masking.obfuscate_groups: %s", [no_protection]) if {
	count(settings.masking.obfuscate_groups) > 0
}

# With the figures of pkg/vector/STRENGTH.md.
no_protection := concat(" ", [
	"obfuscation is no protection: 2 known texts find the texts of all rotated vectors, 12 those of noisy ones,",
	"1,500 vectors without any known text 95 in 100 or more; no limit makes it safe",
])
