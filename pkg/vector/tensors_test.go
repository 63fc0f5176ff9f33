package vector_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

// inference is KServe's answer with outputs, and what follows it.
func inference(outputs string, behind ...[]byte) string {
	return `{"model_name":"m","outputs":[` + outputs + `]}` + string(join(behind...))
}

// output is one of its outputs.
func output(datatype, shape, more string) string {
	return fmt.Sprintf(`{"name":"o","datatype":%q,"shape":[%s],%s}`, datatype, shape, more)
}

func behind(size int) string { return fmt.Sprintf(`"parameters":{"binary_data_size":%d}`, size) }

// ofTensors is a stream for an answer whose document ends at the last brace, or is all there is.
func ofTensors(doc string, opts vector.Options) through {
	if end := strings.LastIndexByte(doc, '}') + 1; end < len(doc) {
		opts.Document = int64(end)
	}
	return through{format: scan.FormatKServe, fields: []scan.Field{{Path: "outputs[*].data"}}, opts: opts}
}

func TestTensors(t *testing.T) {
	type masks map[authz.MaskMode]string
	const seal = authz.MaskMode("seal") // backwards, in these tests
	f := func(v ...float32) []byte { return le(v) }
	for name, tc := range map[string]struct {
		doc  string
		want masks
		read vector.Reading
	}{
		"binary": {
			inference(output("FP32", "2,2", behind(16))+" ,"+output("BYTES", "1", behind(8))+","+output("FP16", "1,2", behind(4)), f(1, 2, 3, 4), []byte("\x04\x00\x00\x00text"), le(uint32(0x3c003c00))),
			masks{
				authz.MaskZero:   inference(output("FP32", "2,2", behind(16))+" ,"+output("BYTES", "1", behind(8))+","+output("FP16", "1,2", behind(4)), f(0, 0, 0, 0), []byte("\x04\x00\x00\x00text"), le(uint32(0))),
				authz.MaskRedact: inference(output("FP32", "2,2", behind(0))+" ,"+output("BYTES", "1", behind(8))+","+output("FP16", "1,2", behind(0)), []byte("\x04\x00\x00\x00text")),
				seal:             inference(output("FP32", "2,2", behind(16))+" ,"+output("BYTES", "1", behind(8))+","+output("FP16", "1,2", behind(4)), f(2, 1, 4, 3), []byte("\x04\x00\x00\x00text"), le(uint32(0))),
			},
			vector.Reading{Vectors: 3, Dims: 6, BytesBinary: 20},
		},
		"numbers in one list": {
			inference(output("FP32", "2,2", `"data":[1, 2,3,4.5 ]`)),
			masks{
				authz.MaskZero:   inference(output("FP32", "2,2", `"data":[0,0,0,0]`)),
				authz.MaskRedact: inference(output("FP32", "2,2", `"data":[]`)),
				seal:             inference(output("FP32", "2,2", `"data":[2.00000000,1.00000000,4.50000000,3.00000000]`)),
			},
			vector.Reading{Vectors: 2, Dims: 4, BytesFloat: 14}, // each with brackets
		},
		"numbers in lists": {
			inference(output("FP64", "1,2,2", `"data":[ [[1, 2] ,[3,4]]]`) + " " + "\n"),
			masks{
				authz.MaskZero:   inference(output("FP64", "1,2,2", `"data":[ [[0,0] ,[0,0]]]`) + " " + "\n"),
				authz.MaskRedact: inference(output("FP64", "1,2,2", `"data":[ [[] ,[]]]`) + " " + "\n"),
				seal:             inference(output("FP64", "1,2,2", `"data":[ [[2.00000000,1.00000000] ,[4.00000000,3.00000000]]]`) + " " + "\n"),
			},
			vector.Reading{Vectors: 2, Dims: 4, BytesFloat: 11},
		},
		"all kinds": {
			inference(output("INT64", "2", `"data":[7,-8]`) + "," + output("BYTES", "2", `"data":["a","b"]`) + "," + output("BOOL", "2", `"data":[true,false]`) + "," + output("FP32", "", `"data":[9]`)),
			masks{
				authz.MaskZero:   inference(output("INT64", "2", `"data":[0,0]`) + "," + output("BYTES", "2", `"data":["a","b"]`) + "," + output("BOOL", "2", `"data":[true,false]`) + "," + output("FP32", "", `"data":[0]`)),
				authz.MaskRedact: inference(output("INT64", "2", `"data":[]`) + "," + output("BYTES", "2", `"data":["a","b"]`) + "," + output("BOOL", "2", `"data":[true,false]`) + "," + output("FP32", "", `"data":[]`)),
				seal:             inference(output("INT64", "2", `"data":[]`) + "," + output("BYTES", "2", `"data":["a","b"]`) + "," + output("BOOL", "2", `"data":[true,false]`) + "," + output("FP32", "", `"data":[9.00000000]`)),
			},
			vector.Reading{Vectors: 2, Dims: 3, BytesFloat: 3, BytesInt: 6},
		},
		"both ways": {
			inference(output("FP32", "1,2", `"data":[1,2]`)+","+output("INT8", "2,3", behind(6)), []byte("abcdef")),
			masks{
				authz.MaskZero:   inference(output("FP32", "1,2", `"data":[0,0]`)+","+output("INT8", "2,3", behind(6)), make([]byte, 6)),
				authz.MaskRedact: inference(output("FP32", "1,2", `"data":[]`) + "," + output("INT8", "2,3", behind(0))),
				seal:             inference(output("FP32", "1,2", `"data":[2.00000000,1.00000000]`)+","+output("INT8", "2,3", behind(6)), make([]byte, 6)),
			},
			vector.Reading{Vectors: 3, Dims: 8, BytesFloat: 5, BytesBinary: 6},
		},
		"nothing": {
			`{"model_name":"m"}`,
			masks{authz.MaskZero: `{"model_name":"m"}`, authz.MaskRedact: `{"model_name":"m"}`, seal: `{"model_name":"m"}`},
			vector.Reading{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tc.want[authz.MaskNone] = tc.doc
			for mask, want := range tc.want {
				opts := vector.Options{Mask: mask}
				if mask == seal {
					opts.Masker = backwards{}
				}
				ofTensors(tc.doc, opts).everyCut(t, tc.doc, want, tc.read)
			}
			if tc.read.Vectors > 0 {
				refuses(t, ofTensors(tc.doc, vector.Options{Mask: authz.MaskRefuse}), tc.doc, vector.ErrVectorRefused)
			}
			tensorGrants(t, tc.doc, tc.want, tc.read.Vectors)
		})
	}
}

// tensorGrants checks that nothing leaves of a document of which not all vectors are granted, and none of a tensor's that is not.
func tensorGrants(t *testing.T, doc string, want map[authz.MaskMode]string, vectors int64) {
	t.Helper()
	for mask, wanted := range want {
		th := ofTensors(doc, vector.Options{Mask: mask, Masker: backwards{}})
		s, err := th.stream()
		if err != nil {
			t.Fatal(err)
		}
		rest, out := []byte(doc), []byte(nil)
		for granted := int64(0); ; granted++ {
			var n int
			out, n, err = s.Write(out, rest, granted)
			rest = rest[n:]
			if err == nil {
				if granted != vectors {
					t.Errorf("%s: all is through with %d vectors granted, not %d", mask, granted, vectors)
				}
				break
			}
			if !errors.Is(err, vector.ErrGrant) || s.Reading().Vectors != granted || len(rest) == 0 {
				t.Fatalf("%s, %d granted: %v with %d counted, %d bytes left", mask, granted, err, s.Reading().Vectors, len(rest))
			}
			if s.DocumentLength() < 0 && len(out) > 0 {
				t.Fatalf("%s, %d granted: %q left before the document was judged", mask, granted, out)
			}
		}
		length := s.DocumentLength()
		if string(out) != wanted || length != int64(1+strings.LastIndexByte(wanted, '}')) && th.opts.Document > 0 {
			t.Errorf("%s, grant by grant: %q, a document of %d bytes; want %q", mask, out, length, wanted)
		}
	}
}

func TestTensorsRefused(t *testing.T) {
	for name, doc := range map[string]string{
		"no object":                      `[]`,
		"outputs that are none":          `{"outputs":{}}`,
		"an output that is none":         `{"outputs":[1]}`,
		"outputs twice":                  `{"outputs":[],"outputs":[]}`,
		"outputs in capitals":            `{"Outputs":[]}`,
		"a size in capitals":             inference(output("FP32", "1", `"parameters":{"Binary_data_size":4}`)),
		"a size twice":                   inference(output("FP32", "1", `"parameters":{"binary_data_size":4,"binary_data_size":4}`)),
		"a size escaped, twice":          inference(output("FP32", "1", `"parameters":{"binary_data_size":4,"binary_data_siz\u0065":4}`)),
		"a size that is none":            inference(output("FP32", "1", `"parameters":{"binary_data_size":"4"}`)),
		"a size with a fraction":         inference(output("FP32", "1", `"parameters":{"binary_data_size":4.0}`)),
		"shape twice":                    inference(output("FP32", "1", `"shape":[1],"data":[1]`)),
		"a shape of strings":             inference(`{"datatype":"FP32","shape":["1"],"data":[1]}`),
		"a negative shape":               inference(output("FP32", "-1", `"data":[1]`)),
		"a shape beyond all":             inference(output("FP32", "100000,100000", `"data":[1]`)),
		"no shape":                       inference(`{"datatype":"FP32","data":[1]}`),
		"an unknown type":                inference(output("FP8", "1", `"data":[1]`)),
		"an escaped type":                inference(output("FP3\u0001", "1", `"data":[1]`)),
		"no type":                        inference(`{"shape":[1],"data":[1]}`),
		"data twice":                     inference(output("FP32", "1", `"data":[1],"data":[1]`)),
		"data that is a number":          inference(output("FP32", "1", `"data":1`)),
		"data and a size":                inference(output("FP32", "1", `"data":[1],`+behind(4))),
		"too little data":                inference(output("FP32", "2", `"data":[1]`)),
		"too much data":                  inference(output("FP32", "1", `"data":[1,2]`)),
		"data of no shape":               inference(output("FP32", "0", `"data":[1]`)),
		"lists of other lengths":         inference(output("FP32", "1,2", `"data":[[1,2],[3]]`)),
		"lists beyond the shape":         inference(output("FP32", "1,2", `"data":[[1,2],[3,4]]`)),
		"lists short of it":              inference(output("FP32", "2,2", `"data":[[1,2]]`)),
		"a number beside lists":          inference(output("FP32", "1,2", `"data":[[1,2],3]`)),
		"a number before lists":          inference(output("FP32", "1,2", `"data":[3,[1,2]]`)),
		"a string among numbers":         inference(output("FP32", "2", `"data":[1,"2"]`)),
		"a fraction among whole numbers": inference(output("INT8", "2", `"data":[1,2.5]`)),
		"an object among numbers":        inference(output("FP32", "2", `"data":[1,{}]`)),
		"two documents":                  inference("") + `{}`,
		"text behind":                    inference("") + " x",
		"a document cut off":             `{"outputs":[`,
		"too many bytes behind":          inference(output("FP32", "1", behind(4)), []byte("abcde")),
		"too few":                        inference(output("FP32", "1", behind(4)), []byte("abc")),
		"bytes of another shape":         inference(output("FP32", "1", behind(8)), []byte("abcdefgh")),
		"bytes that nobody announced":    inference(output("BYTES", "1", `"data":["a"]`), []byte("abcd")),
		"announced bytes":                inference(output("FP32", "1", behind(4))),
	} {
		for _, mask := range []authz.MaskMode{authz.MaskNone, authz.MaskZero, authz.MaskRedact} {
			refuses(t, ofTensors(doc, vector.Options{Mask: mask}), doc, vector.ErrMalformed)
		}
		if t.Failed() {
			t.Fatal(name)
		}
	}
	short := inference(output("FP32", "1", behind(4)), []byte("abcd"))
	for _, length := range []int64{1, int64(len(short) - 5), int64(len(short) - 3)} {
		th := through{format: scan.FormatKServe, opts: vector.Options{Mask: authz.MaskZero, Document: length}}
		refuses(t, th, short, vector.ErrMalformed)
	}
	if _, err := vector.NewStream(scan.FormatKServe, nil, vector.Options{Document: 1 << 30}); !errors.Is(err, vector.ErrTooLarge) {
		t.Errorf("a document of a gibibyte: %v", err)
	}
	if _, err := vector.NewStream(scan.FormatKServe, nil, vector.Options{Fields: []string{"outputs[*].data"}}); err == nil {
		t.Error("tensors are emptied, not masked")
	}
	if _, err := vector.NewOpener(scan.FormatKServe, nil, backwards{}, place); err == nil {
		t.Error("tensors are opened")
	}
	long := `{"parameters":{"x":"` + strings.Repeat("x", 17<<20) + `"}}`
	if _, _, err := ofTensors(long, vector.Options{}).feed([]byte(long), whole); !errors.Is(err, vector.ErrTooLarge) {
		t.Errorf("a long document: %v", err)
	}
}

// TestUndeclaredBesideTensors: the detector looks at everything else, and fields are emptied there.
func TestUndeclaredBesideTensors(t *testing.T) {
	v := sample(40)
	doc := inference(`{"name":"o","datatype":"BYTES","shape":[1],"data":["`+b64(v...)+`"],"secret":"s"},`+output("BYTES", "1", behind(164)), le(uint32(160), v))
	want := inference(`{"name":"o","datatype":"BYTES","shape":[1],"data":[""],"secret":""},`+output("BYTES", "1", behind(164)), le(uint32(160)), make([]byte, 160))
	th := ofTensors(doc, vector.Options{Mask: authz.MaskZero, Fields: []string{"outputs[*].secret"}})
	th.opts.Document = int64(len(doc) - 164)
	th.everyCut(t, doc, want, vector.Reading{Vectors: 2, Undeclared: 2, Dims: 40, Emptied: 1})
	th.opts.Strict = true
	refuses(t, th, doc, vector.ErrUndeclared)
}

// TestTensorOfManyRows: what is remembered of each vector is bounded, whatever the answer's size allows.
func TestTensorOfManyRows(t *testing.T) {
	const rows = 1<<18 + 1
	doc := fmt.Sprintf(`{"outputs":[{"name":"o","datatype":"FP32","shape":[%d,1],"data":[0%s]}]}`, rows, strings.Repeat(",0", rows-1))
	s, err := vector.NewStream(scan.FormatKServe, []scan.Field{{Path: "outputs[*].data"}}, vector.Options{Mask: authz.MaskNone, Document: int64(len(doc))})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = s.Write(nil, []byte(doc), 1<<40)
	if err == nil {
		_, err = s.Close(nil)
	}
	if !errors.Is(err, vector.ErrTooLarge) {
		t.Errorf("%d vectors of one number: %v, want %v", rows, err, vector.ErrTooLarge)
	}
}
