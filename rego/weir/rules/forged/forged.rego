# METADATA
# title: Forged vectors
# description: A vector that was sealed for another place, or changed since, opens nowhere. Whoever sends one is mistaken, or trying.
package weir.rules.forged

deny contains {
	"reason": "a vector in the request was sealed elsewhere, or changed since",
	"alternatives": ["send a vector as Weir gave it to you, to where it came from", "send your own vector"],
} if {
	input.operation.forged
}
