package scan_test

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weirgate/weir/pkg/scan"
)

// framed puts gRPC's head before each message, given in hexadecimal.
func framed(t testing.TB, msgs ...string) []byte {
	t.Helper()
	var out []byte
	for _, m := range msgs {
		b, err := hex.DecodeString(m)
		if err != nil {
			t.Fatal(err)
		}
		out = append(binary.BigEndian.AppendUint32(append(out, 0), uint32(len(b))), b...)
	}
	return out
}

// paths returns the numbers for tests: 1.2.3, 1.4 and 5.
func paths(t testing.TB) (*scan.Numbers, map[scan.Place]string) {
	t.Helper()
	ns, names := new(scan.Numbers), map[scan.Place]string{}
	for _, p := range []string{"1.2.3", "1.4", "5", "1.2", "1"} {
		at, err := ns.Add(p)
		if err != nil {
			t.Fatal(err)
		}
		names[at] = p
	}
	return ns, names
}

// events reads src in pieces and says what was found. What is read, put together again, is src.
func events(t testing.TB, src []byte, sizes ...int) (string, error) {
	t.Helper()
	ns, names := paths(t)
	w := scan.NewWire(ns)
	var said strings.Builder
	var again []byte
	rest := src
	for i := 0; ; i++ {
		piece := rest
		if len(sizes) > 0 {
			piece = rest[:min(len(rest), sizes[i%len(sizes)])]
		}
		rest = rest[len(piece):]
		for {
			if n := min(int64(len(piece)), w.Left()); w.Left() > 0 {
				if n == 0 {
					break
				}
				again = append(again, piece[:n]...)
				w.Skip(int(n))
				piece = piece[n:]
				continue
			}
			ev, n, err := w.Next(piece)
			piece = piece[n:]
			if err != nil {
				return said.String(), err
			}
			if ev == scan.WireMore {
				break
			}
			again = append(again, w.Head()...)
			switch ev {
			case scan.WireFrame:
				fmt.Fprintf(&said, "frame(%d) ", w.Length())
			case scan.WireOpen:
				fmt.Fprintf(&said, "%s(%d){ ", names[w.Place()], w.Length())
			case scan.WireClose:
				said.WriteString("} ")
			case scan.WireEnd:
				said.WriteString("end ")
			case scan.WireValue, scan.WireOther:
				name := "other"
				if ev == scan.WireValue {
					name = names[w.Place()]
				}
				fmt.Fprintf(&said, "%s:%d=%d+%d ", name, w.Kind(), w.Value(), w.Left())
			}
		}
		if len(piece) > 0 {
			t.Fatalf("%d bytes are left of a piece", len(piece))
		}
		if len(rest) == 0 {
			break
		}
	}
	if err := w.EndOfInput(); err != nil {
		return said.String(), err
	}
	if string(again) != string(src) {
		t.Fatalf("%x was read as %x", src, again)
	}
	return said.String(), nil
}

func TestWire(t *testing.T) {
	for name, tc := range map[string]struct {
		in   []string
		want string
	}{
		"nothing":                {nil, ""},
		"an empty message":       {[]string{"", ""}, "frame(0) end frame(0) end "},
		"a path":                 {[]string{"0a08" + "12061a04" + "01020304"}, "frame(10) 1(8){ 1.2(6){ 1.2.3:2=4+4 } } end "},
		"each kind":              {[]string{"2801" + "2902030405060708" + "09" + "2a0161" + "2d01020304"}, "frame(19) 5:0=1+0 5:1=0+8 5:2=1+1 5:5=0+4 end "},
		"what no path knows":     {[]string{"3801" + "3a03616263" + "f2ffffff0f00"}, "frame(13) other:0=1+0 other:2=3+3 other:2=0+0 end "},
		"messages of other kind": {[]string{"0801" + "0d01020304" + "0a03120161"}, ""},
		"the same again":         {[]string{"0a0222000a022200"}, "frame(8) 1(2){ 1.4:2=0+0 } 1(2){ 1.4:2=0+0 } end "},
		"empty ones":             {[]string{"0a000a021200"}, "frame(6) 1(0){ } 1(2){ 1.2(0){ } } end "},
		"two messages":           {[]string{"2801", "2802"}, "frame(2) 5:0=1+0 end frame(2) 5:0=2+0 end "},
		"a varint of ten bytes":  {[]string{"28ffffffffffffffffff01"}, "frame(11) 5:0=18446744073709551615+0 end "},
	} {
		src := framed(t, tc.in...)
		if tc.want == "" && len(tc.in) > 0 { // a message of another kind: 1.2 is one byte, and begins no field
			if got, err := events(t, src); !errors.Is(err, scan.ErrMalformed) || !strings.HasPrefix(got, "frame(12) other:0=1+0 other:5=0+4 1(3){ 1.2(1){ ") {
				t.Errorf("%s: %s, %v", name, got, err)
			}
			continue
		}
		got, err := events(t, src)
		if err != nil || got != tc.want {
			t.Errorf("%s:\n got %s, %v\nwant %s", name, got, err, tc.want)
		}
		for cut := 1; cut < len(src); cut++ {
			if again, err := events(t, src, cut, len(src)); err != nil || again != got {
				t.Fatalf("%s, cut at %d: %s, %v", name, cut, again, err)
			}
		}
		if again, err := events(t, src, 1); err != nil || again != got {
			t.Errorf("%s, byte by byte: %s, %v", name, again, err)
		}
	}
}

func TestWireRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"field 0":                        "0001",
		"a group":                        "0b0c",
		"the end of a group":             "0c",
		"wire type 6":                    "0e",
		"wire type 7":                    "0f",
		"a field number too large":       "808080801000",
		"a tag of six bytes":             "88808080800100",
		"a tag that goes on":             "88",
		"a tag longer than need be":      "88000001",
		"no value":                       "08",
		"a value longer than need be":    "288100",
		"a value of eleven bytes":        "28ffffffffffffffffff8101",
		"a value of more than 64 bits":   "28ffffffffffffffffff02",
		"a length longer than need be":   "2a810061",
		"a length beyond the end":        "2a0261",
		"a length beyond any end":        "2affffffffffffffffff01",
		"four bytes short of eight":      "2900000000",
		"three bytes short of four":      "2d00",
		"a length beyond its message":    "0a0322026161",
		"a field cut by its message":     "0a0122" + "0161",
		"a number cut by its message":    "0a0225" + "0001020304",
		"a message that holds no fields": "0a0361626300",
	} {
		src := framed(t, in)
		for size := 1; size <= len(src); size++ {
			if got, err := events(t, src, size); !errors.Is(err, scan.ErrMalformed) {
				t.Errorf("%s, in pieces of %d: %s, %v", name, size, got, err)
			}
		}
	}
	for name, tc := range map[string]struct {
		in   string
		want error
	}{
		"compressed":    {"01000000022801", scan.ErrCompressed},
		"flag 2":        {"02000000022801", scan.ErrMalformed},
		"gRPC-Web's":    {"80000000022801", scan.ErrMalformed},
		"half a frame":  {"000000", scan.ErrMalformed},
		"half of one":   {"000000000228", scan.ErrMalformed},
		"more than 512": {"00200000012801", scan.ErrMalformed},
		"all there is":  {"00ffffffff2801", scan.ErrMalformed},
	} {
		src, _ := hex.DecodeString(tc.in)
		for size := 1; size <= len(src); size++ {
			if got, err := events(t, src, size); !errors.Is(err, tc.want) {
				t.Errorf("%s, in pieces of %d: %s, %v", name, size, got, err)
			}
		}
	}
}

func TestNumbersRefuse(t *testing.T) {
	for _, path := range []string{"", ".", "1.", ".1", "a", "0", "01", "+1", "-1", "1[*]", "536870912", "4294967297", strings.TrimSuffix(strings.Repeat("1.", 33), ".")} {
		if _, err := new(scan.Numbers).Add(path); err == nil {
			t.Errorf("the path %q is taken", path)
		}
	}
	if _, err := new(scan.Numbers).Add(strings.TrimSuffix(strings.Repeat("536870911.", 32), ".")); err != nil {
		t.Error(err)
	}
}

// TestUnread takes a number back, wherever it was cut.
func TestUnread(t *testing.T) {
	src := framed(t, "2801"+"28ffff03")
	for cut := range len(src) {
		ns, _ := paths(t)
		w := scan.NewWire(ns)
		var values []uint64
		twice := false
		for _, piece := range [][]byte{src[:cut], src[cut:]} {
			for {
				ev, n, err := w.Next(piece)
				if err != nil {
					t.Fatal(err)
				}
				piece = piece[n:]
				if ev == scan.WireMore {
					break
				}
				if ev != scan.WireValue {
					continue
				}
				if w.Value() == 0xffff && !twice {
					twice = true
					if back := w.Unread(); back != n || back == 0 {
						t.Fatalf("cut at %d: %d bytes of %d are taken back", cut, back, n)
					}
					piece = src[len(src)-len(piece)-n:]
					continue
				}
				values = append(values, w.Value())
			}
		}
		if err := w.EndOfInput(); err != nil || len(values) != 2 || values[1] != 0xffff {
			t.Errorf("cut at %d: %x, %v", cut, values, err)
		}
	}
}

// strict reads a message as Wire is to, by protobuf's own reader of fields.
func strict(msg []byte, inner string) bool {
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 || !num.IsValid() || typ == protowire.StartGroupType || typ == protowire.EndGroupType || n != protowire.SizeTag(num) {
			return false
		}
		msg = msg[n:]
		m := protowire.ConsumeFieldValue(num, typ, msg)
		if m < 0 {
			return false
		}
		if v, n := protowire.ConsumeVarint(msg); (typ == protowire.VarintType || typ == protowire.BytesType) && n != protowire.SizeVarint(v) {
			return false
		}
		if typ == protowire.BytesType {
			sub, _ := protowire.ConsumeBytes(msg)
			key := strings.TrimPrefix(fmt.Sprintf("%s.%d", inner, num), ".")
			if (key == "1" || key == "1.2") && !strict(sub, key) {
				return false
			}
		}
		msg = msg[m:]
	}
	return true
}

// FuzzWire: what is accepted is what protobuf's own reader of fields takes, however it is cut.
func FuzzWire(f *testing.F) {
	for _, seed := range []string{"", "2801", "0a0812061a0401020304", "2902030405060708092a01612d01020304", "0a000a021200", "0b0c", "288100", "0a0322026161", "28ffffffffffffffffff01"} {
		b, _ := hex.DecodeString(seed)
		f.Add(b, uint8(3))
	}
	f.Fuzz(func(t *testing.T, msg []byte, size uint8) {
		src := framed(t, hex.EncodeToString(msg))
		got, err := events(t, src)
		if want := strict(msg, ""); want != (err == nil) {
			t.Fatalf("%x: %v; protobuf takes it: %v", msg, err, want)
		}
		again, err2 := events(t, src, 1+int(size))
		if (err == nil) != (err2 == nil) || err == nil && again != got {
			t.Fatalf("%x: whole %s, %v; in pieces of %d %s, %v", msg, got, err, 1+int(size), again, err2)
		}
	})
}
