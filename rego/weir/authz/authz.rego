# METADATA
# title: Decision
# description: |
#   The entrypoint, data.weir.authz.decision. It composes the packages data.weir.rules.<name>: each may add to the sets allow, deny, hold,
#   limit, mask, score, field and strict, and a new package takes part by being there. Any deny wins; without an allow the answer is deny,
#   for the reasons in the sets missing; a hold turns an allow into a question to a person; limits join; the strictest mask wins, and
#   vectors leave as they are only where a rule says "none" and no rule says more.
#
#   A deny or a hold is a sentence for the requester, or an object: reason, alternatives (what would pass), kind ("forbidden" or "quota"),
#   and for a hold approval. rego/README.md describes limit and mask. The engine refuses a result that holds a word it does not know.
package weir.authz

# METADATA
# description: |
#   What Weir asks for. The bodies exclude each other. In object.union the right side has the last word: nothing that a rule says of itself
#   changes the effect.
# entrypoint: true
decision := {"effect": "allow", "rule": "weir.authz", "limits": limits, "mask": masked} if {
	count(denials) == 0
	count(holds) == 0
	allowed
}

decision := object.union(question, {"effect": "hold", "limits": limits, "mask": masked}) if {
	count(denials) == 0
	count(holds) > 0
	allowed
	question := [hold | some hold in holds][0]
}

decision := object.union(refusal, {"effect": "deny", "limits": limits, "mask": masked}) if {
	count(denials) > 0
}

decision := {
	"effect": "deny",
	"rule": "weir.authz",
	"reason": unmet,
	"limits": limits,
	"mask": masked,
} if {
	count(denials) == 0
	not allowed
}

allowed if {
	some name
	some _ in data.weir.rules[name].allow
}

# Why nothing allows it, in the words of the rules that would have.
default unmet := "no rule allows this"

unmet := concat("; ", missing) if count(missing) > 0

missing contains sentence if {
	some name
	some sentence in data.weir.rules[name].missing
}

denials contains object.union(explained(denial), {"rule": concat(".", ["weir.rules", name])}) if {
	some name
	some denial in data.weir.rules[name].deny
}

holds contains object.union(explained(hold), {"rule": concat(".", ["weir.rules", name])}) if {
	some name
	some hold in data.weir.rules[name].hold
}

limits contains limit if {
	some name
	some limit in data.weir.rules[name].limit
}

masks contains word if {
	some name
	some word in data.weir.rules[name].mask
}

# What becomes of the answer: each part the strictest that a rule asks for.
masked := object.union_n([{"vectors": mask}, on_scores, on_fields, on_strangers])

# The masks, the one that tells the client most first.
order := [
	"none",
	"obfuscate:quantize",
	"obfuscate:truncate",
	"obfuscate:noise",
	"obfuscate:rotate",
	"obfuscate:rotate+noise",
	"seal",
	"token",
	"unit",
	"zero",
	"redact",
	"refuse",
]

# The default is what "redact" and silence mean.
default mask := "redact"

mask := "none" if masks == {"none"}

mask := order[max([place | some place, word in order; word in masks])] if {
	masks != {"none"}
	count(masks) > 0
	count(strange) == 0
}

# A mask that is not known goes out as it is, for the engine to refuse; passed over, it would protect nothing.
mask := concat(" ", strange) if count(strange) > 0

strange := masks - {word | some word in order}

scores contains word if {
	some name
	some word in data.weir.rules[name].score
}

# The score masks, the one that tells the client most first.
score_order := ["round:6", "round:5", "round:4", "round:3", "round:2", "round:1", "round:0", "rank", "drop"]

default on_scores := {}

on_scores := {"scores": score_order[max([place | some place, word in score_order; word in scores])]} if {
	count(scores) > 0
	count(strange_scores) == 0
}

on_scores := {"scores": concat(" ", strange_scores)} if count(strange_scores) > 0

strange_scores := scores - {word | some word in score_order}

fields contains path if {
	some name
	some path in data.weir.rules[name].field
}

default on_fields := {}

on_fields := {"fields": fields} if count(fields) > 0

default on_strangers := {}

on_strangers := {"strict": true} if {
	some name
	some _ in data.weir.rules[name].strict
}

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
