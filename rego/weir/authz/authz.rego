# METADATA
# title: Decision
# description: |
#   The entrypoint, data.weir.authz.decision. It composes the packages data.weir.rules.<name>: each may add to the sets allow, deny, hold,
#   limit and mask, and a new package takes part by being there. Any deny wins; without an allow the answer is deny; a hold turns an
#   allow into a question to a person; limits join; the strictest mask wins, and vectors leave as they are only where a rule says "none"
#   and no rule says more.
#
#   A deny or a hold is a sentence for the requester, or an object: reason, alternatives (what would pass), kind ("forbidden" or "quota"),
#   and for a hold approval. rego/README.md describes limit and mask. The engine refuses a result that holds a word it does not know.
package weir.authz

# METADATA
# description: |
#   What Weir asks for. The bodies exclude each other. In object.union the right side has the last word: nothing that a rule says of itself
#   changes the effect.
# entrypoint: true
decision := {"effect": "allow", "rule": "weir.authz", "limits": limits, "mask": {"vectors": mask}} if {
	count(denials) == 0
	count(holds) == 0
	allowed
}

decision := object.union(question, {"effect": "hold", "limits": limits, "mask": {"vectors": mask}}) if {
	count(denials) == 0
	count(holds) > 0
	allowed
	question := [hold | some hold in holds][0]
}

decision := object.union(refusal, {"effect": "deny", "limits": limits, "mask": {"vectors": mask}}) if {
	count(denials) > 0
}

decision := {
	"effect": "deny",
	"rule": "weir.authz",
	"reason": "no rule allows this",
	"limits": limits,
	"mask": {"vectors": mask},
} if {
	count(denials) == 0
	not allowed
}

allowed if {
	some name
	some _ in data.weir.rules[name].allow
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

# The strictest of the masks. The default is what "redact" and silence mean.
default mask := "redact"

mask := "none" if masks == {"none"}

mask := "zero" if masks - {"none"} == {"zero"}

mask := "refuse" if {
	"refuse" in masks
	count(strange) == 0
}

# A mask that is not known goes out as it is, for the engine to refuse; passed over, it would protect nothing.
mask := concat(" ", strange) if count(strange) > 0

strange := masks - {"none", "zero", "redact", "refuse"}

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
