package weir.rules.unknown_test

import data.weir.rules.unknown

denials(operation) := found if found := unknown.deny with input as {"operation": operation}

test_known_and_complete if denials({"class": "embed", "complete": true}) == set()

test_unknown_is_refused if count(denials({"class": "unknown", "complete": true})) == 1

test_incomplete_is_refused if count(denials({"class": "embed", "complete": false})) == 1

test_nothing_said_is_refused if count(denials({})) > 0
