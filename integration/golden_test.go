package integration_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weirgate/weir/integration/harness"
	"github.com/weirgate/weir/pkg/authz"
)

// goldenDims is how long the vectors of golden answers are: too short for the detector, so that only a place that is declared explains what
// a mask does to them.
const goldenDims = 8

// written is a vector in one of the ways in which APIs write it, and what leaves of it under a mask.
type written struct {
	raw, zero, redacted string
	parts               []string // what tells a component: none may be left
}

// writings lists the ways: $NAME in a golden answer.
func writings() map[string]written {
	v := harness.Sentinel(goldenDims)
	var f16, bf16, f64, i8 []byte
	var floats, ints, uints []string
	for i, x := range v {
		f16 = append(f16, 0xd9, 0x39) // 0.7312
		bf16 = append(bf16, 0x3b, 0x3f)
		f64 = binary.LittleEndian.AppendUint64(f64, math.Float64bits(1.0000001*float64(x)))
		i8 = append(i8, byte(0x91+i))
		floats = append(floats, strconv.FormatFloat(float64(x), 'g', -1, 32))
		ints = append(ints, strconv.Itoa(0x91+i-256))
		uints = append(uints, strconv.Itoa(0x91+i))
	}
	list := func(parts []string) written {
		return written{"[" + strings.Join(parts, ",") + "]", "[0,0,0,0,0,0,0,0]", "[]", parts}
	}
	code := func(b []byte) written {
		raw := base64.StdEncoding.EncodeToString(b)
		return written{raw, base64.StdEncoding.EncodeToString(make([]byte, len(b))), "", windows(raw, 8)}
	}
	cells := func(b []byte) written {
		return written{string(b), string(make([]byte, len(b))), "", windows(string(b), 4)}
	}
	field := func(b []byte) written { // that nobody declares: its bytes stay, as zeros
		w := cells(b)
		w.redacted = w.zero
		return w
	}
	var f16s, i8s []byte
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable
	for range 64 {
		f16s = binary.LittleEndian.AppendUint16(f16s, uint16(0x2400+random.IntN(0x0c00)|random.IntN(2)<<15)) //nolint:gosec // 16 bits
	}
	for range 256 {
		i8s = append(i8s, byte(int8(30*random.NormFloat64()))) //nolint:gosec // seldom more
	}
	long := slices.Concat(floats, floats, floats, floats)
	zeros := "[" + strings.TrimSuffix(strings.Repeat("0,", len(long)), ",") + "]"
	return map[string]written{
		"floats": list(floats), "ints": list(ints), "uints": list(uints),
		"flat":    {strings.Join(append(floats, floats...), ","), "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0", "", floats}, // two of them, end to end
		"long":    {"[" + strings.Join(long, ",") + "]", zeros, zeros, floats},                                   // that nobody declares
		"indices": {"[3,300,4000,5000,6000,7000,8000,9000]", "[0,1,2,3,4,5,6,7]", "[]", []string{"4000", "9000"}},
		"sparse":  {"{1:0.7312,3:0.7313}/8", "{}/8", "{}/8", []string{"0.731"}},
		"base64":  code(harness.Bytes(v)), "base64_f16": code(f16), "base64_i8": code(i8),
		"f32": cells(harness.Bytes(v)), "f16": cells(f16), "bf16": cells(bf16), "f64": cells(f64), "i8": cells(i8),
		"size_f32":  {"32", "32", "0", nil},              // in bytes
		"field_f16": field(f16s), "field_i8": field(i8s), // 64 and 256 components
	}
}

// windows are all the stretches of s that are so long.
func windows(s string, n int) (out []string) {
	for i := 0; i+n <= len(s); i++ {
		out = append(out, s[i:i+n])
	}
	return out
}

var vectorWord = regexp.MustCompile(`\$[a-z0-9_]+`)

// goldenBody is a body as it is under a mask; authz.MaskNone leaves it. A text in braces with numbers for keys is a message of protobuf.
func goldenBody(text string, mask authz.MaskMode) ([]byte, error) {
	all := writings()
	fill := func(s string) string {
		return vectorWord.ReplaceAllStringFunc(s, func(word string) string {
			w, ok := all[word[1:]]
			switch {
			case !ok:
				return word
			case mask == authz.MaskZero:
				return w.zero
			case mask == authz.MaskRedact:
				return w.redacted
			}
			return w.raw
		})
	}
	rest, ok := strings.CutPrefix(text, "message ")
	if !ok {
		return escapedByte.ReplaceAllFunc([]byte(fill(text)), func(m []byte) []byte {
			b, _ := hex.DecodeString(string(m[2:]))
			return b
		}), nil
	}
	msg, rest, err := message(rest, fill)
	if err == nil && strings.TrimSpace(rest) != "" {
		err = fmt.Errorf("behind the message: %.40q", rest)
	}
	return msg, err
}

// message reads "{NUMBER=WHOLE NUMBER:"TEXT" NUMBER:$WORD NUMBER~FLOAT NUMBER{…}}", and returns what follows it.
func message(text string, fill func(string) string) (msg []byte, rest string, err error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), "{")
	if !ok {
		return nil, text, fmt.Errorf("no message: %.40q", text)
	}
	for {
		if rest = strings.TrimSpace(rest); strings.HasPrefix(rest, "}") {
			return msg, rest[1:], nil
		}
		at := strings.IndexAny(rest, "={:~")
		if at < 0 {
			return nil, rest, fmt.Errorf("no field: %.40q", rest)
		}
		n, err := strconv.ParseInt(rest[:at], 10, 32)
		if err != nil {
			return nil, rest, err
		}
		number, kind := protowire.Number(n), rest[at]
		if kind == '{' {
			var inner []byte
			if inner, rest, err = message(rest[at:], fill); err != nil {
				return nil, rest, err
			}
			msg = protowire.AppendBytes(protowire.AppendTag(msg, number, protowire.BytesType), inner)
			continue
		}
		end := at + 1 + strings.IndexAny(rest[at+1:]+"}", " }")
		value := rest[at+1 : end]
		rest = rest[end:]
		switch kind {
		case ':':
			msg = protowire.AppendTag(msg, number, protowire.BytesType)
			msg = protowire.AppendString(msg, fill(strings.Trim(value, `"`)))
		case '=':
			u, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				return nil, rest, err
			}
			msg = protowire.AppendVarint(protowire.AppendTag(msg, number, protowire.VarintType), u)
		case '~':
			f, err := strconv.ParseFloat(value, 32)
			if err != nil {
				return nil, rest, err
			}
			msg = protowire.AppendFixed32(protowire.AppendTag(msg, number, protowire.Fixed32Type), math.Float32bits(float32(f)))
		}
	}
}

// partsIn lists what no mask may leave of a golden text.
func partsIn(text string) (out []string) {
	all := writings()
	for _, word := range vectorWord.FindAllString(text, -1) {
		out = append(out, all[word[1:]].parts...)
	}
	return out
}

// clientBody returns an answer that a client's own classes made (pkg/vector/testdata: messages.golden, arrow.golden), and what no mask may
// leave of it: 0.7312 as float32, float64, float16 and bfloat16, or the bytes that stand for a vector of int8 or bits.
func clientBody(root, file, name string) (body []byte, parts []string, err error) {
	golden, err := os.ReadFile(filepath.Join(root, "pkg", "vector", "testdata", file+".golden"))
	if err != nil {
		return nil, nil, err
	}
	for line := range strings.Lines(string(golden)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if f[0] != name {
			continue
		}
		if body, err = hex.DecodeString(f[len(f)-1]); err != nil {
			return nil, nil, err
		}
		for _, b := range [][]byte{{0xec, 0x2f, 0x3b, 0x3f}, {0xd9, 0x39, 0xd9, 0x39}, {0x3b, 0x3f, 0x3b, 0x3f}, {1, 2, 3, 4}} {
			if bytes.Contains(body, b) {
				parts = append(parts, string(b))
			}
		}
		if len(parts) == 0 {
			return nil, nil, fmt.Errorf("%s in %s.golden holds no vector that could be recognised", name, file)
		}
		return body, parts, nil
	}
	return nil, nil, fmt.Errorf("no %s in %s.golden", name, file)
}
