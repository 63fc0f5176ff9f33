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
}

func loadScripts() (scripts, error) {
	var s scripts
	for to, files := range map[**redis.Script][]string{
		&s.reserve: {"prelude", "quick_reserve", "meter", "claim", "reserve"},
		&s.raise:   {"prelude", "heads", "quick_raise", "meter", "claim", "raise"},
		&s.settle:  {"prelude", "heads", "quick_settle", "meter", "claim", "settle"},
		&s.cancel:  {"prelude", "heads", "meter", "claim", "cancel"},
		&s.usage:   {"prelude", "heads", "quick_usage", "meter", "usage"},
		&s.lease:   {"prelude", "heads", "meter", "claim", "lease"},
		&s.lower:   {"prelude", "heads", "meter", "claim", "lower"},
		&s.reset:   {"prelude", "heads", "meter", "reset"},
		&s.restore: {"prelude", "heads", "meter", "restore"},
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
