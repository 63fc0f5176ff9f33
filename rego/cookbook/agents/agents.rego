# METADATA
# title: Agents stricter than people
# description: |
#   Who acts for somebody else, or is no person, asks a thousand times faster and reads what others wrote. Agents never get raw vectors, change
#   nothing unless permitted, and take less.
package weir.rules.agents

import data.weir.settings

deny contains sprintf("agents may not do this here: %s (setting agents.classes)", [class]) if {
	agent
	class := input.operation.class
	not class in settings.agents.classes
}

deny contains {"kind": "quota", "reason": reason, "alternatives": [way]} if {
	agent
	most := settings.agents.max_documents_per_request
	input.operation.documents > most
	reason := sprintf("an agent may ask for %d documents at a time, this request asks for %d", [most, input.operation.documents])
	way := sprintf("ask for %d documents or fewer at a time", [most])
}

deny contains {"reason": "an agent's request must state a bound", "alternatives": ["state a limit"]} if {
	agent
	input.operation.documents < 0
}

limit contains {"meter": "subject_target", "unit": unit, "window": "1h", "max": most} if {
	agent
	some unit, most in settings.agents.per_hour
}

mask contains settings.agents.mask if agent

agent if input.subject.kind == "agent"

agent if count(input.subject.actors) > 0

problem contains "agents.mask: want redact, zero, unit, token, seal or refuse" if {
	not settings.agents.mask in {"redact", "zero", "unit", "token", "seal", "refuse"}
}
