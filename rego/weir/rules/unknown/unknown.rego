# METADATA
# title: Unknown operations
# description: What the dialect does not know, or what is not known in full, is refused.
package weir.rules.unknown

deny contains {"reason": "this operation is not known to Weir"} if input.operation.class == "unknown"

deny contains {"reason": "the request could not be read in full"} if not input.operation.complete
