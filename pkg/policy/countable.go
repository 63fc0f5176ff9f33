package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// countable refuses limits that nothing counts: on a meter that is not there, without the group that it is kept for, in a unit or a window
// that is not kept. The store would refuse each request that they are about.
func (l *loaded) countable(limits []authz.Limit) error {
	for _, limit := range limits {
		spec := l.meters.Spec(limit.Meter)
		if !l.metered([]authz.Limit{limit}) {
			return fmt.Errorf("limit on meter %q, which is not known: counters.meters would define it", limit.Meter)
		}
		if limit.Key == "" && (limit.Meter == authz.MeterGroup || spec != nil && spec.Grouped()) {
			return fmt.Errorf("limit on meter %q without a key, which names the group", limit.Meter)
		}
		windows, from := l.windows, "counters.windows"
		if spec != nil {
			if !spec.Counts(limit.Unit) {
				return fmt.Errorf("limit on meter %q in %s, which it does not count (counters.meters)", limit.Meter, limit.Unit)
			}
			if len(spec.Windows) > 0 {
				windows, from = spec.Windows, "counters.meters"
			}
		}
		if len(windows) > 0 && !slices.Contains(windows, limit.Window) {
			return fmt.Errorf("limit over window %s, which is not kept: %s has %s", limit.Window, from, joined(windows))
		}
	}
	return nil
}

// metered reports whether the meters of limits are there.
func (l *loaded) metered(limits []authz.Limit) bool {
	return !slices.ContainsFunc(limits, func(limit authz.Limit) bool { return l.meters.Spec(limit.Meter) == nil && !limit.Meter.Valid() })
}

func joined(windows []authz.Window) string {
	words := make([]string, len(windows))
	for i, w := range windows {
		words[i] = w.String()
	}
	return strings.Join(words, ", ")
}
