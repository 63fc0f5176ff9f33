# METADATA
# title: Inference-only identities
# description: |
#   Who is there to ask models for answers has no business in a training corpus. Where access lets one read there all the same, the record is
#   marked (flag corpus_by_inference_only). Nothing is refused for it.
package weir.rules.inferenceonly

import data.weir.settings

flag contains {"name": "corpus_by_inference_only", "reason": reason} if {
	corpus
	not input.operation.class in {"write", "admin"}
	some group in input.subject.groups
	group in settings.inference_only.groups
	reason := sprintf("a member of %s, which is for inference only, asks for a corpus", [group])
}

corpus if input.target.kind == "corpus"

corpus if input.operation.artifact == "corpus"
