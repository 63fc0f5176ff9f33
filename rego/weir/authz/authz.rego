# METADATA
# title: Decision
# description: |
#   The entrypoint, data.weir.authz.decision. It composes the packages data.weir.rules.<name>: each may add to allow, deny, hold, limit and
#   mask. Any deny wins; without an allow the answer is deny; obligations join. A new rule takes part by being there.
package weir.authz

default effect := "deny"

effect := "hold" if {
	count(denials) == 0
	some name
	some _ in data.weir.rules[name].allow
	count(holds) > 0
}

effect := "allow" if {
	count(denials) == 0
	some name
	some _ in data.weir.rules[name].allow
	count(holds) == 0
}

denials contains object.union({"rule": sprintf("weir.rules.%s", [name])}, denial) if {
	some name
	some denial in data.weir.rules[name].deny
}

holds contains object.union({"rule": sprintf("weir.rules.%s", [name])}, h) if {
	some name
	some h in data.weir.rules[name].hold
}

limits contains limit if {
	some name
	some limit in data.weir.rules[name].limit
}

# Masks by how much they keep back: the strictest wins. Without a word from any rule, vectors are redacted.
strength := {"none": 0, "zero": 1, "redact": 2, "refuse": 3}

masks contains strength[mask] if {
	some name
	some mask in data.weir.rules[name].mask
}

mask := [name | some name, n in strength; n == max(masks)][0] if count(masks) > 0

mask := "redact" if count(masks) == 0

decision := object.union(
	{
		"effect": effect,
		"limits": [limit | some limit in limits],
		"mask": {"vectors": mask},
	},
	explanation,
)

explanation := object.union({"reason": "no rule allows this"}, [d | some d in denials][0]) if count(denials) > 0

explanation := {"rule": "weir.authz", "reason": "no rule allows this"} if {
	count(denials) == 0
	effect == "deny"
}

explanation := [h | some h in holds][0] if effect == "hold"

explanation := {"rule": "weir.authz"} if effect == "allow"
