package vector

import (
	"fmt"
	"math"
	"strconv"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// scoreMask is what becomes of scores. The zero value keeps them.
type scoreMask struct {
	mode     scoreMode
	decimals int
}

type scoreMode uint8

const (
	keepScores scoreMode = iota
	dropScores           // 0
	rankScores           // 1, 2, 3, …
	roundScores
)

func newScoreMask(m authz.ScoreMask) (scoreMask, error) {
	if n, ok := m.Decimals(); ok {
		return scoreMask{roundScores, n}, nil
	}
	switch m {
	case authz.ScoreKeep:
		return scoreMask{}, nil
	case authz.ScoreDrop:
		return scoreMask{mode: dropScores}, nil
	case authz.ScoreRank:
		return scoreMask{mode: rankScores}, nil
	}
	return scoreMask{}, fmt.Errorf("score mask %q cannot be applied", m)
}

// appendScore appends what leaves of a score, the rank-th of its list. A score that no float64 holds is none.
func (m scoreMask) appendScore(out []byte, score float64, rank int64) ([]byte, bool) {
	switch m.mode {
	case dropScores:
		return append(out, '0'), true
	case rankScores:
		return strconv.AppendInt(out, rank, 10), true
	case keepScores, roundScores:
	}
	const exact = 1 << 53 // whole numbers from here on: nothing to round
	if math.IsInf(score, 0) || math.IsNaN(score) || math.Abs(score) >= exact {
		return out, false
	}
	return strconv.AppendFloat(out, score, 'f', m.decimals, 64), true
}

// beginScore begins a score: its text is kept until it is over.
func (d *document) beginScore(src []byte) (int, error) {
	d.breakRun()
	d.ranked(1)
	d.score = true
	return d.number(src)
}

// ranked adds to the scores that the list has which a score stands in, not that of its parts, and returns how many they are.
func (d *document) ranked(more int64) int64 {
	for depth := d.lex.Depth(); depth > 0; depth-- {
		if l := &d.levels[depth]; l.array {
			l.n += more
			return l.n
		}
	}
	return 1
}

// scoreEnds lets leave what becomes of the score that was read.
func (d *document) scoreEnds() error {
	d.score = false
	f, err := strconv.ParseFloat(string(d.num.text()), 64)
	if err != nil {
		return d.lex.Fail("a score out of range")
	}
	if !d.puts() {
		return nil
	}
	out, ok := d.account.scores.appendScore(d.out, f, d.ranked(0))
	if !ok {
		return d.lex.Fail("a score out of range")
	}
	d.out = out
	return nil
}

// beginScoreWords begins a string that holds a score, or tells of one in words.
func (d *document) beginScoreWords() int {
	d.breakRun()
	d.ranked(1)
	d.lex.BeginString()
	d.vec.form, d.inside, d.num.n = scoreWords, inText, 0
	d.put([]byte(`"`))
	return 1
}

// scoreWordsPiece takes a piece of it. Of words nothing leaves.
func (d *document) scoreWordsPiece(text []byte, done bool) error {
	if len(text) > len(d.num.buf)-d.num.n { // too long for a score; what begins so is none, whatever follows
		d.num.n, text = 0, []byte("--")
	}
	d.num.add(text)
	if !done {
		return nil
	}
	d.inside = outside
	if scan.IsNumber(d.num.text()) {
		if err := d.scoreEnds(); err != nil {
			return err
		}
	}
	d.put([]byte(`"`))
	return nil
}
