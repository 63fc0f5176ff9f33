package vector_test

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

// each makes fields of values.
func each[T any](values []T, field func(T) []byte) (b []byte) {
	for _, v := range values {
		b = append(b, field(v)...)
	}
	return b
}

// wide makes float64 of float32, and not round ones.
func wide(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, f := range v {
		out[i] = float64(f) * 1.0000001
	}
	return out
}

// TestUndeclaredInMessages: what looks like a vector where none was declared leaves as zeros, and nothing else changes.
func TestUndeclaredInMessages(t *testing.T) {
	v := sample(40)
	none32, none64 := make([]float32, 40), make([]float64, 40)
	double := func(f float64) []byte { return pb(1, pb(2, f)) }
	code := b64(v...)
	numbers := long(40)
	lorem := strings.Repeat("The quick brown fox jumps over the lazy dog, 42 times. ", 20)
	for name, tc := range map[string]struct {
		doc, want []byte
		dims      int64 // 0: of text, not counted
	}{
		"packed floats":            {pb(9, v), pb(9, none32), 40},
		"packed doubles":           {pb(9, wide(v)), pb(9, none64), 40},
		"32 are enough":            {pb(9, v[:32]), pb(9, none32[:32]), 32},
		"in a message of its own":  {pb(9, pb(8, join(pb(1, "name"), pb(3, v), pb(4, 7)))), pb(9, pb(8, join(pb(1, "name"), pb(3, none32), pb(4, 7)))), 40},
		"floats, not packed":       {each(v, func(f float32) []byte { return pb(9, f) }), each(none32, func(f float32) []byte { return pb(9, f) }), 40},
		"doubles, not packed":      {each(wide(v), func(f float64) []byte { return pb(9, f) }), each(none64, func(f float64) []byte { return pb(9, f) }), 40},
		"with tags of two bytes":   {each(v, func(f float32) []byte { return pb(900, f) }), each(none32, func(f float32) []byte { return pb(900, f) }), 40},
		"a list of values":         {pb(9, pb(7, each(wide(v), double))), pb(9, pb(7, each(none64, double))), 40},
		"after a text":             {join(pb(9, lorem), pb(10, v), pb(9, "ok")), join(pb(9, lorem), pb(10, none32), pb(9, "ok")), 40},
		"with a few outliers":      {pb(9, slices.Concat(v[:20], []float32{4e9}, v[20:])), pb(9, make([]float32, 41)), 41},
		"with zeros among them":    {pb(9, interleaved(v)), pb(9, make([]float32, 80)), 80}, // the zeros are masked with them
		"base64 in a text":         {pb(9, "see "+code+" there"), pb(9, "see "+strings.Repeat("A", len(code)-2)+"== there"), 0},
		"hexadecimal in a text":    {pb(9, "0x"+hex.EncodeToString(le(v))+"."), pb(9, strings.Repeat("A", 2+320)+"."), 0},
		"numbers in a text":        {pb(9, "v: "+numbers+" end"), pb(9, "v: "+digitless(numbers)+" end"), 0},
		"labels in a text":         {pb(9, "see v: "+labelled("np.float32(", "), ")+")"), pb(9, "see v: np.float0 ("+digitless(labelled("", "), np.float0 ("))+")"), 0},
		"slashes in a text":        {pb(9, "see v: "+labelled("", "/")+" end"), pb(9, "see v: "+digitless(labelled("", "/"))+" end"), 0},
		"numbers at a text's end":  {pb(9, "v: "+strings.Join(strings.Split(numbers, ", ")[:32], ", ")), pb(9, "v: "+digitless(strings.Join(strings.Split(numbers, ", ")[:32], ", "))), 0},
		"beside a declared vector": {join(pb(1, v), pb(9, v), pb(1, v[:1])), join(pb(1, none32), pb(9, none32), pb(1, none32[:1])), 40},
	} {
		fields := []scan.Field{{Path: "1"}, {Path: "2.1", Role: scan.RoleScore}}
		read := vector.Reading{Vectors: 1, Undeclared: 1, Dims: tc.dims}
		if strings.Contains(name, "declared") {
			read.Vectors, read.Dims, read.BytesBinary = 2, 81, 164
		}
		t.Run(name, func(t *testing.T) {
			th := through{format: scan.FormatGRPC, fields: fields, opts: vector.Options{Mask: authz.MaskZero}}
			th.everyCut(t, sent(tc.doc, tc.doc[:0]), sent(tc.want, nil), read)
			th.opts.Mask = authz.MaskNone
			if got, r, err := th.feed([]byte(sent(tc.doc)), whole); err != nil || got != sent(tc.doc) || r.Undeclared != 0 {
				t.Errorf("unmasked: %x, %+v, %v", got, r, err)
			}
			if strings.Contains(name, "declared") {
				return
			}
			th.opts.Mask = authz.MaskRedact
			if got, _, err := th.feed([]byte(sent(tc.doc)), bytewise); err != nil || got != sent(tc.want) {
				t.Errorf("redacted: %x, %v", got, err)
			}
			th.opts.Strict = true
			refuses(t, th, sent(tc.doc), vector.ErrUndeclared)
			th.opts = vector.Options{Mask: authz.MaskRefuse}
			refuses(t, th, sent(tc.doc), vector.ErrVectorRefused)
		})
	}
}

// TestAlikeInMessages: floats that are nearly alike may be taken for others that begin elsewhere. Nothing is left of them all the same.
func TestAlikeInMessages(t *testing.T) {
	alike := make([]float32, 32)
	for i := range alike {
		alike[i] = 0.7312 + float32(i)*1e-6
	}
	th := through{format: scan.FormatGRPC, opts: vector.Options{Mask: authz.MaskZero}}
	got, read, err := th.feed([]byte(sent(pb(9, alike))), whole)
	if left := len(strings.Trim(got[8:], "\x00")); err != nil || read.Undeclared != 1 || left > 3 {
		t.Errorf("%x, %+v, %v", got, read, err)
	}
}

// interleaved puts a zero after each value.
func interleaved(v []float32) (out []float32) {
	for _, f := range v {
		out = append(out, f, 0)
	}
	return out
}

// digitless is numbers as they leave a text.
func digitless(s string) string {
	return regexp.MustCompile(`-?[0-9]\.[0-9]+`).ReplaceAllStringFunc(s, func(n string) string { return "0" + strings.Repeat(" ", len(n)-1) })
}

// TestNoVectorsInMessages: what is no vector leaves as it came.
func TestNoVectorsInMessages(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	noise := make([]byte, 1<<20)
	_, _ = random.Read(noise)
	digits := make([]byte, 20_000)
	for i := range digits {
		digits[i] = '0' + noise[i]%10
	}
	ids := make([]int, 2000)
	for i := range ids {
		ids[i] = int(noise[i]) * int(noise[i+1])
	}
	hits := each(ids[:300], func(id int) []byte {
		return pb(7, join(pb(1, pb(2, hex.EncodeToString(noise[id:id+16]))), pb(5, "a title of some words"), pb(6, float64(id)/7)))
	})
	for name, doc := range map[string][]byte{
		"noise":          pb(9, noise),
		"short vectors":  each(ids[:100], func(id int) []byte { return pb(9, sample(31)) }),
		"one number":     pb(9, slices.Repeat([]float32{0.5}, 1000)),
		"zeros":          pb(9, make([]byte, 100_000)),
		"packed numbers": pb(9, ids),
		"digits":         pb(9, digits),
		"question marks": pb(9, strings.Repeat("?", 10_000)),
		"Thai":           pb(9, strings.Repeat("สวัสดีครับ ผมชื่อวีร์ ยินดีที่ได้รู้จัก ", 200)),
		"Thai words":     each(ids[:200], func(int) []byte { return pb(9, "สวัสดีครับยินดี") }),
		"emoji":          pb(9, strings.Repeat("😳😴😵😶😷😸😹😺😻😼😽😾😿🙄", 20)),
		"Chinese":        pb(9, strings.Repeat("深度学习模型的训练数据，包括文本、图像。", 200)),
		"Japanese":       pb(9, strings.Repeat("ベクトルデータベースーー", 300)),
		"Lao":            pb(9, strings.Repeat("ສະບາຍດີ", 300)),
		"hits":           hits,
		"times":          each(ids[:300], func(id int) []byte { return pb(9, join(pb(1, 1_700_000_000+id), pb(2, id*1000))) }),
		"fixed times": each(ids[:300], func(id int) []byte {
			return protowire.AppendFixed64(protowire.AppendTag(nil, 9, protowire.Fixed64Type), uint64(1_700_000_000_000_000_000+id))
		}),
	} {
		th := through{format: scan.FormatGRPC, fields: []scan.Field{{Path: "1"}}, opts: vector.Options{Mask: authz.MaskZero}}
		for _, cut := range []func(int) int{whole, func(int) int { return 1000 }} {
			got, r, err := th.feed([]byte(sent(doc)), cut)
			if err != nil || r != (vector.Reading{}) || got != sent(doc) {
				at := 0
				for at < len(got) && at < len(sent(doc)) && got[at] == sent(doc)[at] {
					at++
				}
				t.Errorf("%s: %+v, %v; differs at byte %d of %d", name, r, err, at, len(doc))
			}
		}
	}
}

// TestScoresInMessages: scores are changed in place, whatever becomes of vectors.
func TestScoresInMessages(t *testing.T) {
	search := rpcFields(t, dialect.Qdrant{}, "/qdrant.Points/SearchBatch")
	hit := func(score, x float32) []byte {
		return pb(1, join(pb(3, score), pb(6, pb(1, pb(101, pb(1, []float32{x}))))))
	}
	milvus := rpcFields(t, dialect.Milvus{}, "/milvus.proto.milvus.MilvusService/Search")
	words := []scan.Field{{Path: "1.2", Role: scan.RoleScore, Encoding: scan.EncodingText}, {Path: "2"}}
	doubles := []scan.Field{{Path: "1", Role: scan.RoleScore}, {Path: "2.1", Role: scan.RoleScore, Encoding: scan.EncodingDoubles}}
	for name, tc := range map[string]struct {
		fields    []scan.Field
		scores    authz.ScoreMask
		mask      authz.MaskMode
		doc, want []byte
	}{
		"kept":        {search, authz.ScoreKeep, authz.MaskNone, pb(1, hit(.75, 1)), pb(1, hit(.75, 1))},
		"dropped":     {search, authz.ScoreDrop, authz.MaskNone, pb(1, join(hit(.75, 1), hit(.5, 2))), pb(1, join(hit(0, 1), hit(0, 2)))},
		"rounded":     {search, "round:1", authz.MaskZero, pb(1, join(hit(.74, 1), hit(-.56, 2))), pb(1, join(hit(.7, 0), hit(-.6, 0)))},
		"ranked":      {search, authz.ScoreRank, authz.MaskZero, join(pb(1, join(hit(.74, 1), hit(.5, 2))), pb(1, hit(.9, 3))), join(pb(1, join(hit(1, 0), hit(2, 0))), pb(1, hit(1, 0)))},
		"packed":      {milvus, authz.ScoreRank, authz.MaskRedact, pb(2, pb(4, []float32{.9, .8, .7})), pb(2, pb(4, []float32{1, 2, 3}))},
		"packed ones": {milvus, "round:1", authz.MaskNone, pb(2, join(pb(4, []float32{.96}), pb(4, float32(.12)))), pb(2, join(pb(4, []float32{1}), pb(4, float32(.1))))},
		"in words":    {words, "round:1", authz.MaskZero, join(pb(1, pb(2, "score 0.25")), pb(2, []float32{1})), join(pb(1, pb(2, "          ")), pb(2, []float32{0}))},
		"no words":    {words, "round:1", authz.MaskRedact, pb(1, join(pb(2, ""), pb(2, "0.25"))), pb(1, join(pb(2, ""), pb(2, "    ")))},
		"doubles":     {doubles, "round:2", authz.MaskNone, join(pb(1, .125), pb(2, pb(1, []float64{.375, 1e-9}))), join(pb(1, .12), pb(2, pb(1, []float64{.38, 0})))},
	} {
		th := through{format: scan.FormatGRPC, fields: tc.fields, opts: vector.Options{Mask: tc.mask, Scores: tc.scores}}
		for _, cut := range []func(int) int{whole, bytewise} {
			if got, _, err := th.feed([]byte(sent(tc.doc)), cut); err != nil || got != sent(tc.want) {
				t.Errorf("%s: %x, %v; want %x", name, got, err, sent(tc.want))
			}
		}
	}
	th := through{format: scan.FormatGRPC, fields: doubles, opts: vector.Options{Mask: authz.MaskNone, Scores: "round:2"}}
	refuses(t, through{format: scan.FormatGRPC, fields: words, opts: vector.Options{Mask: authz.MaskNone, Scores: "drop"}}, sent(pb(1, pb(2, 7))), vector.ErrMalformed)
	for _, doc := range [][]byte{pb(1, 7), pb(1, "abcdef"), pb(1, le(uint64(0x7ff0 << 48))[:8]), protowire.AppendFixed64([]byte{9}, 0x7ff8<<48)} {
		refuses(t, th, sent(doc), vector.ErrMalformed)
	}
}

// TestOpenerOfMessages: sealed vectors are opened under the name that is theirs, and all else passes.
func TestOpenerOfMessages(t *testing.T) {
	upsert := func(v []float32, name string) []byte {
		return pb(3, pb(4, pb(2, pb(1, join(pb(1, name), pb(2, join(pb(1, v))))))))
	}
	_, fields := dialect.Qdrant{}.Carries(authz.Operation{Class: authz.ClassWrite, Object: "/qdrant.Points/Upsert"})
	_, search := dialect.Qdrant{}.Carries(authz.Operation{Class: authz.ClassSearch, Object: "/qdrant.Points/Search", Vector: "title,image"})
	var seen []vector.Place
	for name, tc := range map[string]struct {
		fields    []scan.Field
		doc, want []byte
		read      vector.Reading
		names     string // that were tried
	}{
		"sealed, raw, forged": {
			fields, join(upsert([]float32{.5, 2}, "a"), upsert([]float32{7, 2}, "b"), upsert([]float32{.25, 2}, "c")),
			join(upsert([]float32{2, .5}, "a"), upsert([]float32{7, 2}, "b"), upsert([]float32{.25, 2}, "c")),
			vector.Reading{Vectors: 3, Dims: 6, BytesBinary: 24, Sealed: 1, Forged: 1},
			"a",
		},
		"one of two names": {search, pb(2, []float32{.5, 2}), pb(2, []float32{2, .5}), vector.Reading{Vectors: 1, Dims: 2, BytesBinary: 8, Sealed: 1}, "title"},
		"none of them":     {search, pb(2, []float32{.25, 2}), pb(2, []float32{.25, 2}), vector.Reading{Vectors: 1, Dims: 2, BytesBinary: 8, Forged: 1}, ""},
		"not packed":       {search, join(pb(2, float32(.5)), pb(2, float32(2))), join(pb(2, float32(.5)), pb(2, float32(2))), vector.Reading{Vectors: 1, Dims: 2, BytesBinary: 8}, ""},
		"no vectors":       {search, join(pb(2, 7), pb(2, "abc"), pb(1, sample(40)), pb(9, "x")), join(pb(2, 7), pb(2, "abc"), pb(1, sample(40)), pb(9, "x")), vector.Reading{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			seen = nil
			th := through{format: scan.FormatGRPC, fields: tc.fields, opener: backwards{&seen}}
			if _, _, err := th.feed([]byte(sent(tc.doc)), whole); err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, p := range seen {
				names = append(names, p.Name)
			}
			if strings.Join(names, " ") != tc.names {
				t.Errorf("opened under %q, want %q", names, tc.names)
			}
			th.everyCut(t, sent(tc.doc), sent(tc.want), tc.read)
		})
	}
}

// TestPlacesOfMessages: a mask is given the name that its vector has.
func TestPlacesOfMessages(t *testing.T) {
	var seen []vector.Place
	opts := vector.Options{Mask: "seal", Masker: backwards{&seen}, Place: vector.Place{Space: "docs", Name: "only"}}
	th := through{format: scan.FormatGRPC, fields: rpcFields(t, dialect.Milvus{}, "/milvus.proto.milvus.MilvusService/Query"), opts: opts}
	data := func(name string) []byte {
		return pb(2, join(pb(2, name), pb(4, join(pb(1, 1), pb(2, pb(1, []float32{1, 2}))))))
	}
	if _, _, err := th.feed([]byte(sent(join(data("title"), data("body"), pb(2, pb(4, join(pb(1, 2), pb(2, pb(1, []float32{1, 2})))))))), bytewise); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range seen {
		names = append(names, p.Space+"/"+p.Name)
	}
	if got, want := strings.Join(names, " "), "docs/title docs/title docs/body docs/body docs/only"; got != want {
		t.Errorf("masked as %s, want %s", got, want)
	}
}

// TestLongMessages: what is held is bounded.
func TestLongMessages(t *testing.T) {
	long := sent(join(pb(9, bytes.Repeat([]byte("lorem ipsum "), 2<<20)), pb(1, sample(3))))
	th := through{format: scan.FormatGRPC, fields: []scan.Field{{Path: "1"}}, opts: vector.Options{Mask: authz.MaskZero}}
	if _, r, err := th.feed([]byte(long), whole); err != nil || r.Vectors != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	th.opts.Mask = authz.MaskRedact
	refuses(t, through{format: th.format, fields: th.fields, opts: th.opts}, long, vector.ErrTooLarge)
	vectors := make([]float32, 5<<20) // of which nothing is held
	if got, r, err := th.feed([]byte(sent(pb(1, vectors))), whole); err != nil || got != sent(pb(1, "")) || r.Dims != 5<<20 {
		t.Errorf("%+v, %v", r, err)
	}
	th.opts = vector.Options{Mask: "seal", Masker: backwards{}} // longer than one that is held as a whole
	if got, _, err := th.feed([]byte(sent(pb(1, vectors[:1<<16+1]), pb(1, sample(1<<16)))), whole); err != nil || strings.Trim(got[10:10+4<<16], "\x00") != "" {
		t.Error(err)
	}
}
