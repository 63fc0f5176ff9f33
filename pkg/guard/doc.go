// Package guard is the decision pipeline: the life of one exchange from the request head to the completion record.
//
// It owns the order of things (identify, decide, count, record, and only then release) and the rules that nothing may break: deny is the
// zero value, raw must be said, a later decision only tightens, nothing is released before its decision record is durable, what Weir
// answered to Envoy is charged. It trusts its collaborators to do what their interfaces say, and refuses whenever one of them cannot.
// It knows neither Envoy nor HTTP nor Rego nor Redis; it imports authz only.
//
//	Begin   which target, which operation: no I/O
//	Admit   who; then, unless the body must be read first, decide and reserve
//	Refine  the operation as the whole request states it: decide and reserve
//	Respond the answer's head is known
//	Spend   may this much leave?
//	Finish  settle, completion record: exactly once
package guard
