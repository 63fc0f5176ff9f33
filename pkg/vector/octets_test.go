package vector_test

import (
	"errors"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

func TestOctets(t *testing.T) {
	doc := string(le(float32(1), float32(2), float32(3), float32(4)))
	th := through{format: scan.FormatOctets, fields: []scan.Field{{Encoding: scan.EncodingF32}}, opts: vector.Options{Dims: 2}}
	read := vector.Reading{Vectors: 2, Dims: 4, BytesBinary: 16}
	for mask, want := range map[authz.MaskMode]string{
		authz.MaskNone: doc, authz.MaskZero: string(make([]byte, 16)), authz.MaskRedact: "",
		"seal": string(le(float32(2), float32(1), float32(4), float32(3))),
	} {
		th.opts.Mask, th.opts.Masker = mask, backwards{}
		th.everyCut(t, doc, want, read)
		s, err := th.stream()
		if err != nil {
			t.Fatal(err)
		}
		out, n, err := s.Write(nil, []byte(doc), 1)
		if !errors.Is(err, vector.ErrGrant) || n != 8 || len(out) != len(want)/2 {
			t.Errorf("%s, one granted: %x, %d bytes taken, %v", mask, out, n, err)
		}
		refuses(t, th, doc[:12], vector.ErrMalformed)
	}
	th.opts = vector.Options{Mask: authz.MaskRedact, Dims: 2, Described: true}
	refuses(t, th, doc, vector.ErrUnmaskable)
	th.everyCut(t, "", "", vector.Reading{})
	th.opts.Mask = authz.MaskZero
	th.everyCut(t, doc, string(make([]byte, 16)), read)
	th.opts = vector.Options{Mask: authz.MaskRefuse, Dims: 2}
	refuses(t, th, doc, vector.ErrVectorRefused)
	th.fields, th.opts = []scan.Field{{Encoding: scan.EncodingBits}}, vector.Options{Mask: authz.MaskZero, Dims: 12}
	th.everyCut(t, "abcd", "\x00\x00\x00\x00", vector.Reading{Vectors: 2, Dims: 24, BytesBinary: 4})
	for name, fields := range map[string][]scan.Field{
		"no field": nil, "two": {{Encoding: scan.EncodingF32}, {Encoding: scan.EncodingF32}}, "a path": {{Path: "a", Encoding: scan.EncodingF32}},
		"scores": {{Encoding: scan.EncodingF32, Role: scan.RoleScore}}, "no encoding": {{}}, "text": {{Encoding: scan.EncodingText}},
	} {
		if _, err := vector.NewStream(scan.FormatOctets, fields, vector.Options{Dims: 2}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for _, opts := range []vector.Options{{}, {Mask: authz.MaskNone}, {Dims: -1}, {Dims: 2, Fields: []string{"a"}}} {
		if _, err := vector.NewStream(scan.FormatOctets, []scan.Field{{Encoding: scan.EncodingF32}}, opts); err == nil {
			t.Errorf("%+v is taken", opts)
		}
	}
}
