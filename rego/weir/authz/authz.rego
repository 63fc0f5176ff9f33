# METADATA
# title: Decision
# description: |
#   The entrypoint, data.weir.authz.decision. It composes the packages data.weir.rules.<name>: each may add to the sets allow, deny, hold,
#   limit, mask, score, field, strict and flag, and a new package takes part by being there. Any deny wins; without an allow the answer is
#   deny, for the reasons in the sets missing; a hold turns an allow into a question to a person; limits join; the strictest mask wins, and
#   vectors leave as they are only where a rule says "none" and no rule says more. A flag marks the record and changes nothing else.
#
#   A deny or a hold is a sentence for the requester, or an object: reason, alternatives (what would pass), kind ("forbidden" or "quota"),
#   and for a hold approval. rego/README.md describes limit and mask. The engine refuses a result that holds a word it does not know.
package weir.authz

import data.weir.parts

# METADATA
# description: |
#   What Weir asks for: the first body that holds. In object.union the right side has the last word: nothing that a rule says of itself changes
#   the effect.
# entrypoint: true
decision := object.union(refusal, {"effect": "deny", "limits": limits, "mask": masked, "flags": flags}) if {
	count(denials) > 0
} else := {"effect": "deny", "rule": "weir.authz", "reason": unmet, "limits": limits, "mask": masked, "flags": flags} if {
	not allowed
} else := object.union(question, {"effect": "hold", "limits": limits, "mask": masked, "flags": flags}) if {
	count(holds) > 0
	question := [hold | some hold in holds][0]
} else := {"effect": "allow", "rule": "weir.authz", "limits": limits, "mask": masked, "flags": flags}

allowed if {
	some name in parts.allow
	some _ in data.weir.rules[name].allow
}

# Why nothing allows it, in the words of the rules that would have.
default unmet := "no rule allows this"

unmet := concat("; ", missing) if count(missing) > 0

missing contains sentence if {
	some name in parts.missing
	some sentence in data.weir.rules[name].missing
}

denials contains object.union(explained(denial), {"rule": concat(".", ["weir.rules", name])}) if {
	some name in parts.deny
	some denial in data.weir.rules[name].deny
}

holds contains object.union(explained(hold), {"rule": concat(".", ["weir.rules", name])}) if {
	some name in parts.hold
	some hold in data.weir.rules[name].hold
}

limits contains limit if {
	some name in parts.limit
	some limit in data.weir.rules[name].limit
}

masks contains word if {
	some name in parts.mask
	some word in data.weir.rules[name].mask
}

scores contains word if {
	some name in parts.score
	some word in data.weir.rules[name].score
}

fields contains path if {
	some name in parts.field
	some path in data.weir.rules[name].field
}

strict if {
	some name in parts.strict
	some _ in data.weir.rules[name].strict
}

# What rules mark, for whoever reads records. Each is {"name", "reason"}; one that is no object refuses, as any word that is not known.
flags contains object.union(flag, {"rule": concat(".", ["weir.rules", name])}) if {
	some name in parts.flag
	some flag in data.weir.rules[name].flag
}

# What becomes of the answer: each part the strictest that a rule asks for.
masked := {"vectors": mask} if {
	count(scores) == 0
	count(fields) == 0
	not strict
} else := object.union_n([{"vectors": mask}, on_scores, on_fields, on_strangers])

# The default is what "redact" and silence mean. A mask that is not known goes out as it is, for the engine to refuse; passed over, it would
# protect nothing.
mask := "none" if {
	masks == {"none"}
} else := "redact" if {
	masks in {set(), {"redact"}}
} else := concat(" ", strange) if {
	strange := {word | some word in masks; not mask_place[word]}
	count(strange) > 0
} else := [word | some word in masks; mask_place[word] == strictest][0] if {
	strictest := max({mask_place[word] | some word in masks})
}

# The masks, the one that tells the client most first.
mask_place := {
	"none": 0,
	"obfuscate:quantize": 1,
	"obfuscate:truncate": 2,
	"obfuscate:noise": 3,
	"obfuscate:rotate": 4,
	"obfuscate:rotate+noise": 5,
	"seal": 6,
	"token": 7,
	"unit": 8,
	"zero": 9,
	"redact": 10,
	"refuse": 11,
}

on_scores := {} if {
	count(scores) == 0
} else := {"scores": concat(" ", strange)} if {
	strange := {word | some word in scores; not score_place[word]}
	count(strange) > 0
} else := {"scores": [word | some word in scores; score_place[word] == strictest][0]} if {
	strictest := max({score_place[word] | some word in scores})
}

# The score masks, the one that tells the client most first.
score_place := {
	"round:6": 0,
	"round:5": 1,
	"round:4": 2,
	"round:3": 3,
	"round:2": 4,
	"round:1": 5,
	"round:0": 6,
	"rank": 7,
	"drop": 8,
}

default on_fields := {}

on_fields := {"fields": fields} if count(fields) > 0

default on_strangers := {}

on_strangers := {"strict": true} if strict

# Of several denials one is told: one that waiting does not cure before one by volume. What would pass is told of all of them.
refusal := object.union(array.concat(by_right, by_volume)[0], {"alternatives": alternatives}) if {
	by_right := [denial | some denial in denials; not denial.kind == "quota"]
	by_volume := [denial | some denial in denials; denial.kind == "quota"]
}

# Two rules may know the same way out: it is told once.
alternatives := [way | some way in {way | some denial in denials; some way in denial.alternatives}]

# A sentence alone stands for the object that holds it.
explained(said) := {"reason": said} if is_string(said)

explained(said) := said if not is_string(said)
