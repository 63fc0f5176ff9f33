# METADATA
# title: Forged vectors
# description: |
#   A vector that was sealed for another place, or changed since, opens nowhere, nor does one whose key is no longer in mask_keys of weir.yaml.
#   Whoever sends one is mistaken, or trying, or has kept it longer than its key.
package weir.rules.forged

deny contains {
	"reason": "a vector in the request was sealed elsewhere, or changed since, or with a key that is no longer in use here",
	"alternatives": ["send a vector as Weir gave it to you, to where it came from", "get the vector anew", "send your own vector"],
} if {
	input.operation.forged
}
