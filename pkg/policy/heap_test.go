package policy

import "testing"

// TestHeapOver: garbage that the collector was told to let gather is no growth of an evaluation's.
func TestHeapOver(t *testing.T) {
	const most = 100
	base := heap{live: 50, all: 80, percent: 100}
	for name, tc := range map[string]struct {
		now  heap
		want bool
	}{
		"as it was":                         {base, false},
		"what lives, to the byte":           {heap{150, 150, 100}, false},
		"what lives":                        {heap{151, 151, 100}, true},
		"garbage, as Go has it":             {heap{50, 280, 100}, false},
		"more than that":                    {heap{50, 281, 100}, true},
		"garbage that may gather":           {heap{50, 480, 300}, false},
		"more than may gather":              {heap{50, 481, 300}, true},
		"garbage, with the collector eager": {heap{50, 231, 50}, true},
	} {
		if got := tc.now.over(base, most); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if p := readHeap().percent; p == 0 || p > maxPercent {
		t.Errorf("the collector lets %d %% gather", p)
	}
}
