package scan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/scan"
)

// reader drives a Lexer over pieces as its users do, and writes down what it sees.
type reader struct {
	lex  scan.Lexer
	fast bool // take runs of numbers at once
	seen []string
	text []byte // of the token that runs
}

// piece reads a piece of the document to its end.
func (r *reader) piece(src []byte) error {
	for len(src) > 0 {
		n, err := r.step(src)
		src = src[n:]
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) step(src []byte) (n int, err error) {
	str, num, word := r.lex.InValue()
	done := false
	switch {
	case str:
		n, done, err = r.lex.String(src)
	case num:
		n, done, err = r.lex.Number(src)
	case word:
		n, done, err = r.lex.Word(src)
	default:
		return r.next(src)
	}
	r.token(src[:n], done)
	return n, err
}

// next handles an event.
func (r *reader) next(src []byte) (int, error) {
	ev, n, err := r.lex.Next(src)
	if err != nil {
		return n, err
	}
	switch ev {
	case scan.Key:
		r.seen = append(r.seen, fmt.Sprintf("key %q", r.lex.Key()))
	case scan.End:
		r.seen = append(r.seen, "end")
	case scan.Value:
		m, err := r.value(src[n:])
		return n + m, err
	case scan.More:
	}
	return n, nil
}

func (r *reader) value(src []byte) (n int, err error) {
	done := false
	switch c := src[0]; {
	case c == '[' || c == '{':
		r.seen = append(r.seen, string(c))
		return 1, r.lex.Enter(c)
	case c == '"':
		r.lex.BeginString()
		r.text = append(r.text[:0], '"')
		return 1, nil
	case c == '-' || c >= '0' && c <= '9':
		if r.fast && r.lex.Depth() > 0 && !r.lex.InObject() {
			if n, count := r.lex.Numbers(src); count > 0 {
				for _, number := range strings.FieldsFunc(string(src[:n]), func(c rune) bool { return strings.ContainsRune(", \t\r\n", c) }) {
					r.seen = append(r.seen, "token "+number)
				}
				return n, nil
			}
		}
		r.text = r.text[:0]
		n, done, err = r.lex.Number(src)
	default:
		r.text = r.text[:0]
		n, done, err = r.lex.Word(src)
	}
	r.token(src[:n], done)
	return n, err
}

func (r *reader) token(text []byte, done bool) {
	r.text = append(r.text, text...)
	if done {
		r.seen = append(r.seen, "token "+string(r.text))
	}
}

// read reads a document in pieces that end at the cuts. A number that the end of the document ends is no token of its own.
func read(doc []byte, fast bool, cuts ...int) ([]string, error) {
	r := &reader{fast: fast}
	last := 0
	for _, cut := range append(cuts, len(doc)) {
		if err := r.piece(doc[last:cut]); err != nil {
			return r.seen, err
		}
		last = cut
	}
	if err := r.lex.EndOfInput(); err != nil {
		return r.seen, err
	}
	if _, num, _ := r.lex.InValue(); num {
		r.token(nil, true)
	}
	if r.lex.Pos() != int64(len(doc)) {
		return r.seen, fmt.Errorf("read %d of %d bytes", r.lex.Pos(), len(doc))
	}
	return r.seen, nil
}

var (
	escapes   = regexp.MustCompile(`\\(u[0-9a-fA-F]{4}|.)`)
	lone      = regexp.MustCompile(`(^|[^h])l|h($|[^l])`)
	numberRun = regexp.MustCompile(`[-+.0-9eE]{65,}`)
)

// wellFormed is the strict reference: what encoding/json takes, less what clients' parsers read in more than one way, less our bounds.
// known is false for the few documents that it cannot judge.
func wellFormed(doc []byte) (ok, known bool) {
	if !json.Valid(doc) || !utf8.Valid(doc) {
		return false, true
	}
	// A map of the document: h for the escape of a high surrogate, l for that of a low one, x for every other byte or escape.
	surrogates := escapes.ReplaceAllStringFunc(string(doc), func(e string) string {
		if len(e) == 6 {
			switch v, _ := strconv.ParseUint(e[2:], 16, 16); {
			case v >= 0xd800 && v < 0xdc00:
				return "\x00"
			case v >= 0xdc00 && v < 0xe000:
				return "\x01"
			}
		}
		return "x"
	})
	surrogates = strings.NewReplacer("h", "x", "l", "x").Replace(surrogates)
	surrogates = strings.NewReplacer("\x00", "h", "\x01", "l").Replace(surrogates)
	if lone.MatchString(surrogates) {
		return false, true
	}
	depth, deepest := 0, 0
	for d := json.NewDecoder(bytes.NewReader(doc)); ; {
		t, err := d.Token()
		if err != nil {
			break
		}
		switch t {
		case json.Delim('['), json.Delim('{'):
			depth++
			deepest = max(deepest, depth)
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
	}
	return deepest <= scan.MaxDepth, !numberRun.Match(doc) && len(doc) <= scan.MaxKey
}

var documents = []string{
	`{"object":"list","data":[{"index":0,"embedding":[0.1,-2.5e-3,1E+7,0]},{"embedding":"AAAA"}],"usage":{"total":1}}`,
	" [\t1 ,\r\n-0.5,\"a\\u00e9\\ud83d\\ude00\\n\", true,false , null,[],{ } ] ", `"é😀"`, `0`, `-1.5e-7`, ` 12 `, `true`, `null `, `[[[1,2],[3]],[[]]]`,
	`{"a":{"b":[1,2,3,4,5,6,7,8,9,10]},"a\u0062":1}`,
	// what is no document
	``, ` `, `{`, `[1,]`, `[,1]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{'a':1}`, `[1 2]`, `[01]`, `[1.]`, `[.5]`, `[-]`, `[1e]`, `[+1]`, `[NaN]`, `[Infinity]`, `[0x10]`,
	`[1]]`, `[1}`, `{"a":1]`, `1 2`, `[1][2]`, `{}{}`, `tru`, `truex`, `nul`, "\"a\nb\"", `"\x41"`, `"\u12"`, `"\ud800"`, `"\udc00"`, `"\ud800\ud800"`, `"\ud800x"`, `"\ud800\n"`,
	"\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\xef\xbb\xbf{}", "\"\x00\"", "[1\x00]", `["a]`, `// x`, `[1/**/]`, `{"a":1 "b":2}`, `"a" :`, `--1`, `1-1`, `[1-]`,
}

// TestLexerAgainstReference: every document is taken or refused as the reference says, in whatever pieces it comes, and always seen as the
// same tokens.
func TestLexerAgainstReference(t *testing.T) {
	for _, doc := range documents {
		check(t, []byte(doc), rand.New(rand.NewPCG(1, 1)))
	}
}

func check(t *testing.T, doc []byte, r *rand.Rand) {
	t.Helper()
	want, err := read(doc, false)
	if ok, known := wellFormed(doc); known && ok != (err == nil) {
		t.Errorf("%q: %v; the reference says %v", doc, err, ok)
	}
	if err != nil && !errors.Is(err, scan.ErrMalformed) {
		t.Errorf("%q: %v is no ErrMalformed", doc, err)
	}
	ways := [][]int{nil}
	for i := 1; i < len(doc) && i < 300; i++ {
		ways = append(ways, []int{i})
	}
	each := make([]int, 0, len(doc))
	var some []int
	for i := 1; i < len(doc); i++ {
		each = append(each, i)
		if r.IntN(4) == 0 {
			some = append(some, i)
		}
	}
	ways = append(ways, each, some)
	for _, cuts := range ways {
		for _, fast := range []bool{false, true} {
			got, gotErr := read(doc, fast, cuts...)
			if (gotErr == nil) != (err == nil) {
				t.Fatalf("%q cut at %v, fast %v: %v; whole: %v", doc, cuts, fast, gotErr, err)
			}
			if diff := cmp.Diff(want, got); diff != "" && err == nil {
				t.Fatalf("%q cut at %v, fast %v (-whole +cut):\n%s", doc, cuts, fast, diff)
			}
		}
	}
}

func FuzzLexer(f *testing.F) {
	for _, doc := range documents {
		f.Add([]byte(doc), uint64(1))
	}
	f.Fuzz(func(t *testing.T, doc []byte, seed uint64) {
		if len(doc) > 4<<10 {
			return
		}
		check(t, doc, rand.New(rand.NewPCG(seed, seed)))
	})
}

func TestLexerBounds(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	key := func(n int) string { return `{"` + strings.Repeat("k", n) + `":1}` }
	number := func(n int) string { return "[" + strings.Repeat("1", n) + "]" }
	for doc, ok := range map[string]bool{
		nested(scan.MaxDepth): true, nested(scan.MaxDepth + 1): false,
		key(scan.MaxKey): true, key(scan.MaxKey + 1): false, `{"` + strings.Repeat(`\u00e9`, scan.MaxKey/2) + `":1}`: true, `{"` + strings.Repeat("é", scan.MaxKey/2+1) + `":1}`: false,
		number(64): true, number(65): false, "[" + strings.Repeat("1", 65) + ",1]": false,
	} {
		for _, fast := range []bool{false, true} {
			if _, err := read([]byte(doc), fast); (err == nil) != ok {
				t.Errorf("%.20s… (%d bytes), fast %v: %v; want it taken: %v", doc, len(doc), fast, err, ok)
			}
		}
	}
}

// TestErrorsTellNoText: what a document holds is nobody's business, least of all a log's.
func TestErrorsTellNoText(t *testing.T) {
	for _, doc := range []string{`{"secret":secret}`, `["secret" secret]`, `"secret` + "\n", `{"secret":1,"secret" 2}`, `[1] secret`} {
		_, err := read([]byte(doc), false)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", doc, err)
		}
	}
}

func TestIsNumber(t *testing.T) {
	for s, want := range map[string]bool{
		"0": true, "-0.5e+10": true, "12": true, strings.Repeat("1", 64): true, strings.Repeat("1", 65): false,
		"": false, "-": false, "01": false, "1.": false, ".5": false, "1e": false, "+1": false, "1 ": false, "NaN": false, "0x1": false,
	} {
		if scan.IsNumber([]byte(s)) != want {
			t.Errorf("%q: want %v", s, want)
		}
	}
}

// TestLexerReset: a lexer reads one document after another, and says where in all of them it is.
func TestLexerReset(t *testing.T) {
	var r reader
	for i, doc := range []string{`{"a":1}`, "[2", `"three`, "4"} {
		if !r.lex.Fresh() {
			t.Errorf("%s: another document is under way", doc)
		}
		if err := r.piece([]byte(doc)); err != nil || r.lex.Fresh() {
			t.Errorf("%s: %v, fresh %v", doc, err, r.lex.Fresh())
		}
		if done := r.lex.Done(); done != (i == 0 || i == 3) {
			t.Errorf("%s: done %v", doc, done)
		}
		r.lex.Reset()
	}
	if r.lex.Pos() != 16 {
		t.Errorf("read %d bytes, want 16", r.lex.Pos())
	}
}
