package redisstore

import (
	"embed"
	"strings"

	"github.com/redis/go-redis/v9"
)

// lua holds the scripts. An embedded file system cannot be anything but a package's variable; nothing writes to it.
//
//go:embed lua/*.lua
var lua embed.FS

// scripts are the steps, each one script: what is shared, then the step itself.
type scripts struct {
	reserve, raise, settle, cancel, usage, reset, restore, lease, lower *redis.Script
	quickReserve, quickRaise, quickSettle                               *redis.Script
	coverClaim, coverCommit, coverDrop                                  *redis.Script
	registry                                                            *redis.Script
	documentClaim, documentCommit, documentDrop                         *redis.Script
	artifactKnown, artifactNote, artifactJudge, artifactSwap            *redis.Script
}

func loadScripts() (scripts, error) {
	var s scripts
	whole := func(names ...string) []string { return append([]string{"prelude", "heads"}, names...) }
	for to, files := range map[**redis.Script][]string{
		&s.reserve:        whole("meter", "claim", "reserve"),
		&s.raise:          whole("meter", "claim", "raise"),
		&s.settle:         whole("meter", "claim", "settle"),
		&s.cancel:         whole("meter", "claim", "cancel"),
		&s.usage:          whole("quick_usage", "meter", "usage"),
		&s.lease:          whole("meter", "claim", "lease"),
		&s.lower:          whole("meter", "claim", "lower"),
		&s.reset:          whole("meter", "reset"),
		&s.restore:        whole("meter", "restore"),
		&s.quickReserve:   {"quick", "quick_reserve"},
		&s.quickRaise:     {"quick", "quick_pending", "quick_raise"},
		&s.quickSettle:    {"quick", "quick_pending", "quick_settle"},
		&s.coverClaim:     {"cover", "cover_claim"},
		&s.coverCommit:    {"cover", "cover_commit"},
		&s.coverDrop:      {"cover", "cover_drop"},
		&s.documentClaim:  {"tenant", "document", "document_claim"},
		&s.documentCommit: {"tenant", "document", "document_commit"},
		&s.documentDrop:   {"tenant", "document", "document_drop"},
		&s.artifactKnown:  {"tenant", "artifact", "artifact_known"},
		&s.artifactNote:   {"tenant", "artifact", "artifact_note"},
		&s.artifactJudge:  {"tenant", "artifact", "artifact_judge"},
		&s.artifactSwap:   {"tenant", "artifact", "artifact_swap"},
		&s.registry:       {"registry"},
	} {
		var b strings.Builder
		for _, name := range files {
			text, err := lua.ReadFile("lua/" + name + ".lua")
			if err != nil {
				return scripts{}, err
			}
			b.Write(text)
			b.WriteByte('\n')
		}
		*to = redis.NewScript(b.String())
	}
	return s, nil
}
