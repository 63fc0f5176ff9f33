# METADATA
# title: Corpus
# description: |
#   A corpus that is read document by document is taken all the same. What counts is how many distinct documents of it have left to one person in
#   30 days, as a share of those that its target says it has. What one has had before may be had again.
package weir.rules.corpus

import data.weir.settings

deny contains {"reason": sentence, "alternatives": ways} if {
	settings.corpus.over == "deny"
	beyond
}

hold contains {"reason": sentence} if {
	settings.corpus.over == "hold"
	beyond
}

flag contains {"name": "corpus_share", "reason": sentence} if {
	settings.corpus.over == "flag"
	beyond
}

beyond if {
	share := input.operation.corpus.share
	share.after > share.before
	share.after > settings.corpus.most
	not whole
}

sentence := sprintf("more than %v %% of the documents of this corpus would have left to you in 30 days", [100 * settings.corpus.most])

ways := ["ask a member of a group in the setting corpus.whole_groups", "read documents that you have had before"]

whole if {
	some group in input.subject.groups
	group in settings.corpus.whole_groups
}

problem contains "corpus.most: want a share, from 0 to 1" if not share_given

problem contains "corpus.over: want deny, hold or flag" if not settings.corpus.over in {"deny", "hold", "flag"}

share_given if {
	is_number(settings.corpus.most)
	settings.corpus.most >= 0
	settings.corpus.most <= 1
}
