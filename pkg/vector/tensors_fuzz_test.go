package vector_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/vector"
)

// inferenceAnswer is what encoding/json finds in an answer.
type inferenceAnswer struct {
	Outputs []struct {
		Datatype   string
		Data       json.RawMessage
		Parameters struct {
			Size int `json:"binary_data_size"`
		}
	}
}

// FuzzTensors: what is not JSON is refused. Of what is accepted, no number of a tensor is left, and what comes out is the same however it
// was cut.
func FuzzTensors(f *testing.F) {
	for _, doc := range []string{
		inference(output("FP32", "2,2", behind(16)), le(sample(4))), inference(output("FP32", "2,2", `"data":[1, 2,3,4.5 ]`)),
		inference(output("FP64", "1,2,2", `"data":[ [[1, 2] ,[3,4]]]`)), inference(output("INT64", "2", `"data":[7,-8]`) + "," + output("BYTES", "1", `"data":["a"]`)),
		inference(output("FP32", "1,2", `"data":[1,2]`)+","+output("INT8", "2,3", behind(6)), []byte("abcdef")), `{}`, `{"outputs":[]}`,
	} {
		f.Add(doc, uint16(bytes.LastIndexByte([]byte(doc), '}')+1), uint8(3))
	}
	f.Fuzz(func(t *testing.T, doc string, length uint16, size uint8) {
		for _, opts := range []vector.Options{{Mask: authz.MaskNone}, {Mask: authz.MaskZero}, {Mask: authz.MaskRedact}} {
			if int(length) < len(doc) {
				opts.Document = int64(length)
			}
			th := ofTensors("", opts)
			got, read, err := th.feed([]byte(doc), whole)
			again, read2, err2 := th.feed([]byte(doc), func(int) int { return 1 + int(size) })
			if (err == nil) != (err2 == nil) || err == nil && (got != again || read != read2) {
				t.Fatalf("%s: %q is %q, %+v, %v; in pieces of %d %q, %+v, %v", opts.Mask, doc, got, read, err, 1+int(size), again, read2, err2)
			}
			if err != nil || read.Undeclared > 0 {
				continue
			}
			if opts.Mask == authz.MaskNone && got != doc {
				t.Fatalf("unmasked, %q became %q", doc, got)
			}
			checkTensors(t, opts, doc, got)
		}
	})
}

func checkTensors(t *testing.T, opts vector.Options, doc, got string) {
	t.Helper()
	var was, is inferenceAnswer
	d := json.NewDecoder(bytes.NewReader([]byte(got)))
	if err := d.Decode(&is); err != nil {
		t.Fatalf("%s: %q became %q: %v", opts.Mask, doc, got, err)
	}
	if err := json.NewDecoder(bytes.NewReader([]byte(doc))).Decode(&was); err != nil {
		t.Fatalf("%s: %q is accepted as %q: %v", opts.Mask, doc, got, err)
	}
	if opts.Mask == authz.MaskNone {
		return
	}
	rest := []byte(got[d.InputOffset():])
	for i, o := range is.Outputs {
		numbers := o.Datatype != "BYTES" && o.Datatype != "BOOL"
		if numbers && bytes.ContainsAny(o.Data, "123456789") {
			t.Fatalf("%s: %q became %q", opts.Mask, doc, got)
		}
		if opts.Mask == authz.MaskRedact && numbers && o.Parameters.Size > 0 || opts.Mask == authz.MaskZero && o.Parameters.Size != was.Outputs[i].Parameters.Size {
			t.Fatalf("%s: %q became %q", opts.Mask, doc, got)
		}
		if o.Parameters.Size > len(rest) || numbers && len(bytes.Trim(rest[:o.Parameters.Size], "\x00")) > 0 {
			t.Fatalf("%s: %q became %q", opts.Mask, doc, got)
		}
		rest = rest[o.Parameters.Size:]
	}
}
