package weir.rules.template_test

import data.weir.rules.template

# A test states its own settings, so that a number changed by an operator breaks none.
settings := {"template": {"classes": ["export"], "groups": ["migration"]}}

asks(class, groups) := {"subject": {"groups": groups}, "operation": {"class": class}}

denials(asked) := count(found) if found := template.deny with input as asked with data.weir.settings as settings

test_refused if {
	denials(asks("export", ["research"])) == 1
	denials(asks("export", [])) == 1
}

test_permitted if denials(asks("export", ["migration"])) == 0

test_anything_else_is_not_its_business if denials(asks("search", ["research"])) == 0

test_without_groups if denials({"subject": {}, "operation": {"class": "export"}}) == 1
