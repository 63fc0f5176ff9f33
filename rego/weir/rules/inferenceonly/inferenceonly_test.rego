package weir.rules.inferenceonly_test

import data.weir.rules.inferenceonly

flagged(change) if {
	asked := object.union(
		{
			"subject": {"groups": ["everybody", "serving"]},
			"target": {"name": "lake", "kind": "corpus"},
			"operation": {"class": "read"},
		},
		change,
	)
	flags := inferenceonly.flag with input as asked with data.weir.settings as {"inference_only": {"groups": ["serving"]}}
	flags == {{"name": "corpus_by_inference_only", "reason": "a member of serving, which is for inference only, asks for a corpus"}}
}

test_reading_a_corpus_is_flagged if {
	flagged({})
	flagged({"operation": {"class": "list"}})
	flagged({"operation": {"class": "export"}})
}

test_so_is_an_export_of_one_elsewhere if flagged({"target": {"kind": "vectordb"}, "operation": {"artifact": "corpus"}})

test_what_is_no_corpus_is_not if not flagged({"target": {"kind": "inference"}})

test_nor_is_bringing_one if not flagged({"operation": {"class": "write"}})

test_nor_are_others if {
	not flagged({"subject": {"groups": ["research"]}})
	not flagged({"subject": {"groups": []}})
}
