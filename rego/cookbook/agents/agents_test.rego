package weir.rules.agents_test

import data.weir.rules.agents

settings := {"agents": {
	"classes": ["embed", "search"],
	"max_documents_per_request": 20,
	"per_hour": {"documents": 200},
	"mask": "redact",
}}

asks(kind, class, documents) := {"subject": {"kind": kind}, "operation": {"class": class, "documents": documents}}

denials(asked) := found if found := agents.deny with input as asked with data.weir.settings as settings

test_people_are_not_its_business if {
	asked := asks("human", "export", -1)
	denials(asked) == set()
	agents.limit == set() with input as asked with data.weir.settings as settings
	agents.mask == set() with input as asked with data.weir.settings as settings
}

test_what_an_agent_may if {
	denials(asks("agent", "search", 20)) == set()
	denials(asks("agent", "read", 1)) == {"agents may not do this here: read (setting agents.classes)"}
}

test_how_much if {
	some denial in denials(asks("agent", "search", 21))
	denial.kind == "quota"
	denial.reason == "an agent may ask for 20 documents at a time, this request asks for 21"
	denial.alternatives == ["ask for 20 documents or fewer at a time"]
}

test_without_a_bound if count(denials(asks("agent", "search", -1))) == 1

test_limits_and_mask if {
	asked := asks("agent", "search", 1)
	limits := agents.limit with input as asked with data.weir.settings as settings
	limits == {{"meter": "subject_target", "unit": "documents", "window": "1h", "max": 200}}
	masks := agents.mask with input as asked with data.weir.settings as settings
	masks == {"redact"}
}

test_who_acts_for_somebody_is_an_agent if {
	asked := {"subject": {"kind": "human", "actors": [{"id": "crew-7"}]}, "operation": {"class": "write", "documents": 1}}
	count(denials(asked)) == 1
}

test_the_mask_is_checked if {
	agents.problem == set() with data.weir.settings as settings
	count(agents.problem) == 1 with data.weir.settings as {"agents": {"mask": "none"}}
}
