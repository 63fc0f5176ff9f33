package vector_test

import (
	"errors"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

// schema is what the messages of the fuzz test are to protobuf:
//
//	message M { repeated float v = 1; repeated Inner in = 2; repeated double d = 3; repeated bytes b = 4; float s = 6; }
//	message Inner { string name = 1; repeated float v = 2; repeated uint32 i = 3; repeated N m = 4; }
//
// and N as M, but for an Inner without m.
func schema(t testing.TB) protoreflect.MessageDescriptor {
	t.Helper()
	field := func(name string, number int32, typ descriptorpb.FieldDescriptorProto_Type, repeated bool, of string) *descriptorpb.FieldDescriptorProto {
		f := &descriptorpb.FieldDescriptorProto{Name: &name, Number: &number, Type: typ.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}
		if repeated {
			f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		}
		if of != "" {
			f.TypeName = &of
		}
		return f
	}
	outer := func(name, inner string) *descriptorpb.DescriptorProto {
		return &descriptorpb.DescriptorProto{Name: &name, Field: []*descriptorpb.FieldDescriptorProto{
			field("v", 1, descriptorpb.FieldDescriptorProto_TYPE_FLOAT, true, ""),
			field("in", 2, descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, true, inner),
			field("d", 3, descriptorpb.FieldDescriptorProto_TYPE_DOUBLE, true, ""),
			field("b", 4, descriptorpb.FieldDescriptorProto_TYPE_BYTES, true, ""),
			field("s", 6, descriptorpb.FieldDescriptorProto_TYPE_FLOAT, false, ""),
		}}
	}
	inner := func(name string, more ...*descriptorpb.FieldDescriptorProto) *descriptorpb.DescriptorProto {
		return &descriptorpb.DescriptorProto{Name: &name, Field: append([]*descriptorpb.FieldDescriptorProto{
			field("name", 1, descriptorpb.FieldDescriptorProto_TYPE_STRING, false, ""),
			field("v", 2, descriptorpb.FieldDescriptorProto_TYPE_FLOAT, true, ""),
			field("i", 3, descriptorpb.FieldDescriptorProto_TYPE_UINT32, true, ""),
		}, more...)}
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("fuzz.proto"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{
			outer("M", ".Inner"), inner("Inner", field("m", 4, descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, true, ".N")),
			outer("N", ".Last"), inner("Last"),
		},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return file.Messages().ByName("M")
}

// fuzzFields is what the schema is to Weir.
func fuzzFields() (out []scan.Field) {
	for _, at := range []string{"", "2.4."} {
		out = append(out,
			scan.Field{Path: at + "1", Encoding: scan.EncodingFloats}, scan.Field{Path: at + "3", Encoding: scan.EncodingDoubles},
			scan.Field{Path: at + "4", Encoding: scan.EncodingF32}, scan.Field{Path: at + "6", Role: scan.RoleScore},
			scan.Field{Path: at + "2.2", Encoding: scan.EncodingFloats, Named: at + "2.1"}, scan.Field{Path: at + "2.3", Role: scan.RoleIndices})
	}
	return out
}

// found is what protobuf's own reader finds in a message.
type found struct {
	floats  []float64 // not zero, in order: v, d, and the floats of b
	all     int       // all of them
	indices []uint64
	others  string // names
}

func look(m protoreflect.Message, to *found) {
	get := func(name protoreflect.Name) protoreflect.Value { return m.Get(m.Descriptor().Fields().ByName(name)) }
	add := func(f float64) {
		to.all++
		if f != 0 {
			to.floats = append(to.floats, f)
		}
	}
	for _, name := range []protoreflect.Name{"v", "d"} {
		l := get(name).List()
		for i := range l.Len() {
			add(l.Get(i).Float())
		}
	}
	for b, i := get("b").List(), 0; i < b.Len(); i++ {
		rest := b.Get(i).Bytes()
		if len(rest)%4 == 2 { // rows behind their length
			rest = rest[2:]
		}
		for ; len(rest) >= 4; rest = rest[4:] {
			add(float64(uint32(rest[0]) | uint32(rest[1])<<8 | uint32(rest[2])<<16 | uint32(rest[3])<<24))
		}
	}
	for in, i := get("in").List(), 0; i < in.Len(); i++ {
		inner := in.Get(i).Message()
		get := func(name protoreflect.Name) protoreflect.Value {
			return inner.Get(inner.Descriptor().Fields().ByName(name))
		}
		to.others += get("name").String()
		for v, i := get("v").List(), 0; i < v.Len(); i++ {
			add(v.Get(i).Float())
		}
		for l, i := get("i").List(), 0; i < l.Len(); i++ {
			to.indices = append(to.indices, l.Get(i).Uint())
		}
		if inner.Descriptor().Name() == "Last" {
			continue
		}
		for ms, i := get("m").List(), 0; i < ms.Len(); i++ {
			look(ms.Get(i).Message(), to)
		}
	}
}

// constant is a Masker that makes sevens.
type constant struct{}

func (constant) Mask(dst, v []float32, _ vector.Place) ([]float32, error) {
	return append(dst[:0], slices.Repeat([]float32{7}, len(v))...), nil
}

// FuzzMessages: what protobuf refuses is refused. Of what is accepted, no number of a vector is left, every other value is, and what comes
// out is the same however it was cut.
func FuzzMessages(f *testing.F) {
	inner := join(pb(1, "title"), pb(2, []float32{1, 2}), pb(3, []int{5, 6}))
	for _, seed := range [][]byte{
		nil, pb(1, []float32{1, 2, 3}), join(pb(1, float32(1)), pb(1, []float32{2})), pb(2, inner), join(pb(2, inner), pb(2, inner), pb(9, "text")),
		pb(3, []float64{1, 2}), pb(4, le(float32(1), float32(2))), pb(4, le(uint16(1), float32(2))), pb(2, pb(4, join(pb(1, []float32{4}), pb(2, inner), pb(6, float32(.5))))),
		pb(9, sample(40)), join(pb(9, pb(1, sample(33))), pb(1, sample(2))),
		{0x0b, 0x0c},
		pb(1, 5), pb(9, b64(sample(40)...)),
	} {
		f.Add(seed, uint16(3))
	}
	for _, vectors := range denseVectors(f, 2000) {
		f.Add(pb(9, pb(8, join(pb(1, "a"), pb(2, vectors[0])))), uint16(3))
	}
	md := schema(f)
	fields := fuzzFields()
	f.Fuzz(func(t *testing.T, msg []byte, size uint16) {
		before := dynamicpb.NewMessage(md)
		valid := proto.Unmarshal(msg, before) == nil
		var was found
		if valid {
			look(before, &was)
		}
		for _, opts := range []vector.Options{
			{Mask: authz.MaskNone}, {Mask: authz.MaskZero}, {Mask: authz.MaskRedact}, {Mask: "constant", Masker: constant{}}, {Mask: authz.MaskZero, Scores: "drop"},
		} {
			th := through{format: scan.FormatGRPC, fields: fields, opts: opts}
			got, read, err := th.feed([]byte(sent(msg)), whole)
			again, read2, err2 := th.feed([]byte(sent(msg)), func(int) int { return 1 + int(size) })
			if (err == nil) != (err2 == nil) || err == nil && (got != again || read != read2) {
				t.Fatalf("%s: %x is %x, %+v, %v; in pieces of %d %x, %+v, %v", opts.Mask, msg, got, read, err, 1+int(size), again, read2, err2)
			}
			if err != nil {
				if !errors.Is(err, scan.ErrMalformed) && !errors.Is(err, vector.ErrUndeclared) {
					t.Fatalf("%s: %x: %v", opts.Mask, msg, err)
				}
				continue
			}
			if !valid {
				t.Fatalf("%s: protobuf refuses %x, which is accepted as %x", opts.Mask, msg, got)
			}
			if read.Undeclared > 0 { // where that was is nothing to protobuf
				continue
			}
			checkMessage(t, md, opts, got, was, read)
		}
	})
}

func checkMessage(t *testing.T, md protoreflect.MessageDescriptor, opts vector.Options, got string, was found, read vector.Reading) {
	t.Helper()
	after := dynamicpb.NewMessage(md)
	if err := proto.Unmarshal([]byte(got[5:]), after); err != nil || len(sent([]byte(got[5:]))) != len(got) || sent([]byte(got[5:]))[:5] != got[:5] {
		t.Fatalf("%s: %x is no message: %v", opts.Mask, got, err)
	}
	var is found
	look(after, &is)
	if is.others != was.others || read.Dims != int64(was.all) {
		t.Fatalf("%s: %+v became %+v; %+v", opts.Mask, was, is, read)
	}
	switch {
	case opts.Mask == authz.MaskNone:
		if !slices.Equal(is.floats, was.floats) && !slices.ContainsFunc(was.floats, func(f float64) bool { return f != f }) || !slices.Equal(is.indices, was.indices) {
			t.Fatalf("unmasked, %+v became %+v", was, is)
		}
	case opts.Mask == authz.MaskRedact:
		if is.all > 0 || len(is.indices) > 0 {
			t.Fatalf("redacted, %+v became %+v", was, is)
		}
	case opts.Mask == authz.MaskZero:
		if len(is.floats) > 0 || is.all != was.all || len(is.indices) != len(was.indices) {
			t.Fatalf("zeroed, %+v became %+v", was, is)
		}
	case slices.ContainsFunc(is.floats, func(f float64) bool { return f != 7 && f != 0x40e00000 }) || is.all != was.all:
		t.Fatalf("masked, %+v became %+v", was, is)
	}
}
