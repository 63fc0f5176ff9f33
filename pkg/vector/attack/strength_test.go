package attack_test

import (
	"flag"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
)

var update = flag.Bool("update", false, "write the figures to STRENGTH.md; takes minutes")

// figures are what is measured of one mask. NaN is not measured.
type figures [numFigures]float64

const (
	recall  = iota // recall@10
	noKey          // keyless
	pairs2         // knownPairs with two
	pairs12        // … with twelve
	pairs96        // … with ninety-six
	noPairs        // unpaired
	numFigures
)

// bounds are what a figure must be, and why a mask exists.
type bounds struct {
	mode        authz.MaskMode
	least, most figures
}

const (
	wins  = 0.99  // what an attack must reach on obfuscation, at least
	loses = 0.005 // what it may reach on a mask that protects: guessing among 3,800 hits 0.0003
)

// any is no bound.
var (
	anyLeast = figures{}
	anyMost  = figures{1, 1, 1, 1, 1, 1}
)

// protected is what a mask must be that protects: of no use to compute on, and no attack hits.
var protected = figures{0.01, loses, loses, loses, loses, loses}

// masks are all there are. The recall of those that obfuscate is near what an ideal rotation and Gaussian noise reach on these vectors.
var masks = []bounds{
	{"none", figures{1, wins, 0, 0, wins, 0}, anyMost},
	{"redact", anyLeast, protected},
	{"zero", anyLeast, protected},
	{"token", anyLeast, protected},
	{"seal", anyLeast, protected},
	{"seal, opened", figures{0.999, wins, 0, 0, wins, 0}, anyMost},
	{"obfuscate:rotate", figures{0.999, 0, wins, wins, wins, 0.95}, figures{1, loses, 1, 1, 1, 1}},
	{"obfuscate:noise", figures{0.84, wins, 0, wins, wins, 0}, anyMost},
	{"obfuscate:rotate+noise", figures{0.84, 0, 0, wins, wins, 0.95}, figures{1, loses, 1, 1, 1, 1}},
	{"obfuscate:truncate", figures{0.69, wins, 0, 0, 0, 0}, anyMost},
	{"obfuscate:quantize", figures{0.99, wins, 0, 0, wins, 0}, anyMost},
}

// measure takes all figures of a mode but the slow one.
func measure(t *testing.T, raw rows, mode authz.MaskMode) figures {
	t.Helper()
	const seeds = 3
	f := figures{noPairs: math.NaN()}
	for seed := range uint64(seeds) {
		masked := mask(t, raw, mode, byte(seed+1))
		f[pairs2] += knownPairs(raw, masked, 2, noise(mode), seed) / seeds
		f[pairs12] += knownPairs(raw, masked, 12, noise(mode), seed) / seeds
		if seed == 0 {
			f[recall], f[noKey] = recallAt10(raw, masked), keyless(raw, masked)
			f[pairs96] = knownPairs(raw, masked, 96, noise(mode), seed)
		}
	}
	return f
}

// check holds figures to a mask's bounds, and to what STRENGTH.md says of it. Rounding differs between machines and may move a vector or two.
func (b bounds) check(t *testing.T, f figures) {
	t.Helper()
	said, ok := published(t)[b.mode]
	if !ok && !*update {
		t.Errorf("STRENGTH.md does not know %s: make attacks", b.mode)
	}
	for i, got := range f {
		switch {
		case math.IsNaN(got):
		case got < b.least[i]:
			t.Errorf("%s, %s: %.4f, want %v at least: has it become a protection, or the attack weaker?", b.mode, headings[i], got, b.least[i])
		case got > b.most[i]:
			t.Errorf("%s, %s: %.4f, want %v at most: it does not protect", b.mode, headings[i], got, b.most[i])
		case ok && !*update && math.Abs(got-said[i]) > 0.004:
			t.Errorf("%s, %s: %.4f, but STRENGTH.md says %v: make attacks", b.mode, headings[i], got, said[i])
		}
	}
}

// TestStrength takes the figures of every mask, checks them and, with -update, writes them down.
func TestStrength(t *testing.T) {
	raw := minilm(t)
	var table strings.Builder
	fmt.Fprintf(&table, "| mask | %s |\n|---|%s\n", strings.Join(headings[:], " | "), strings.Repeat("---|", numFigures))
	for _, b := range masks {
		f := measure(t, raw, b.mode)
		if *update && b.slow() {
			f[noPairs], _ = unpaired(raw, mask(t, raw, b.mode, 1), noise(b.mode))
		}
		b.check(t, f)
		table.WriteString(f.row(b.mode))
	}
	if *update {
		publish(t, table.String())
	}
}

// slow reports whether the alignment without pairs is tried on a mask: not where there is nothing to align, or no need.
func (b bounds) slow() bool {
	switch b.mode {
	case "obfuscate:rotate", "obfuscate:rotate+noise", "token", "seal":
		return true
	}
	return false
}

// TestUnpairedAlignmentWins: no pair, no key, other texts; and rotated vectors are told apart all the same.
func TestUnpairedAlignmentWins(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	raw := minilm(t)
	for _, b := range masks {
		if b.mode != "obfuscate:rotate" {
			continue
		}
		f := figures{math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()}
		var lead float64
		f[noPairs], lead = unpaired(raw, mask(t, raw, b.mode, 1), noise(b.mode))
		b.check(t, f)
		if lead < 0.025 {
			t.Errorf("%s: the best start leads by %.4f: the attacker would not know that it won", b.mode, lead)
		}
	}
}

// headings are the columns of the table.
var headings = [numFigures]string{"recall@10", "no key", "2 pairs", "12 pairs", "96 pairs", "no pairs"}

const (
	strengthFile = "../STRENGTH.md"
	tableBegins  = "<!-- figures: make attacks -->\n"
	tableEnds    = "<!-- end of figures -->\n"
)

func (f figures) row(mode authz.MaskMode) string {
	out := "| `" + string(mode) + "` |"
	for _, x := range f {
		if math.IsNaN(x) {
			out += " – |"
		} else {
			out += fmt.Sprintf(" %.3f |", x)
		}
	}
	return out + "\n"
}

// split returns STRENGTH.md before the table, the table, and what follows it.
func split(t *testing.T) (before, table, after string) {
	t.Helper()
	b, err := os.ReadFile(strengthFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(b), tableBegins)
	table, after, ok2 := strings.Cut(rest, tableEnds)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no place for the table", strengthFile)
	}
	return before, table, after
}

// published reads the table.
func published(t *testing.T) map[authz.MaskMode]figures {
	t.Helper()
	out := map[authz.MaskMode]figures{}
	_, table, _ := split(t)
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) != 1+numFigures || !strings.HasPrefix(cells[0], "`") {
			continue
		}
		var f figures
		for i, cell := range cells[1:] {
			x, err := strconv.ParseFloat(cell, 64)
			if err != nil && cell != "–" {
				t.Fatalf("%s: %q is no figure", strengthFile, cell)
			} else if err != nil {
				x = math.NaN()
			}
			f[i] = x
		}
		out[authz.MaskMode(strings.Trim(cells[0], "`"))] = f
	}
	return out
}

func publish(t *testing.T, table string) {
	t.Helper()
	before, _, after := split(t)
	if err := os.WriteFile(strengthFile, []byte(before+tableBegins+table+tableEnds+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
