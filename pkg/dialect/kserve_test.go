package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
)

func TestKServe(t *testing.T) {
	v2 := func(path string) authz.Operation {
		return authz.Operation{Class: authz.ClassEmbed, Model: "bge", Object: path}
	}
	v1 := authz.Operation{Class: authz.ClassEmbed, Model: "bge"}
	const infer = "/v2/models/bge/infer"
	checkHeads(t, dialect.KServe{}, []headCase{
		{"POST", infer, unread(v2(infer)), true},
		{"POST", "/v2/models/bge/versions/1/infer", unread(v2("/v2/models/bge/versions/1/infer")), true},
		{"POST", "/v1/models/bge:predict", unread(v1), true},
		{"GET", "/v2", list(), false},
		{"GET", "/v2/health/live", list(), false},
		{"GET", "/v2/models/bge", list(), false},
		{"GET", "/v2/models/bge/versions/1/ready", list(), false},
		{"GET", "/v2/models/bge/stats", list(), false},
		{"GET", "/v1/models", list(), false},
		{"GET", "/v1/models/bge", list(), false},
		{"POST", "/v2/repository/index", list(), false},
		{"POST", "/v2/repository/models/bge/load", admin(), false},
		{"POST", "/v2/repository/models/bge/unload", admin(), false},
		{"POST", "/v1/models/bge:explain", unknown(), false},
		{"POST", "/v1/models/a/b:predict", unknown(), false},
		{"POST", "/v2/models/bge/generate", unknown(), false},
		{"POST", "/v2/models/bge/versions/1/x/infer", unknown(), false},
		{"POST", "/v2/systemsharedmemory/region/r/register", unknown(), false},
		{"GET", infer, list(), false},
		{"POST", "/inference.GRPCInferenceService/ModelInfer", unknown(), true}, // without gRPC's content type
	})
	op := func(batch, vectors int64) authz.Operation { return done(v2(infer), batch, vectors) }
	// Bodies named after the client are those of tritonclient 2.73.0.
	checkBodies(t, dialect.KServe{}, "POST", infer, map[string]bodyCase{
		"tritonclient, JSON":    {body: `{"inputs":[{"name":"TEXT","shape":[2,1],"datatype":"BYTES","data":["a","bc"]}],"outputs":[{"name":"embedding","parameters":{"binary_data":false}}]}`, want: op(2, 2)},
		"tritonclient, binary":  {body: `{"inputs":[{"name":"TEXT","shape":[2,1],"datatype":"BYTES","parameters":{"binary_data_size":11}}],"outputs":[{"name":"embedding","parameters":{"binary_data":true}}]}` + "\x01\x00\x00\x00a\x02\x00\x00\x00bc", want: op(2, 2)},
		"tritonclient, all":     {body: `{"inputs":[{"name":"TEXT","shape":[2,1],"datatype":"BYTES","data":["a","bc"]}],"parameters":{"binary_data_output":true}}`, want: op(2, authz.Unbounded)},
		"tritonclient, shared":  {body: `{"inputs":[{"name":"TEXT","shape":[2,1],"datatype":"BYTES","data":["a","bc"]}],"outputs":[{"name":"embedding","parameters":{"binary_data":false,"shared_memory_region":"r","shared_memory_byte_size":1024}}]}`, bad: "shared memory pass Weir by"},
		"two outputs":           {body: `{"inputs":[{"shape":[3,8]},{"shape":[4]}],"outputs":[{"name":"a"},{"name":"b"}]}`, want: op(4, 8)},
		"no dimensions":         {body: `{"inputs":[{"shape":[]}],"outputs":[{"name":"a"}]}` + "\n", want: op(1, 1)},
		"empty batch":           {body: `{"inputs":[{"shape":[0,8]}],"outputs":[{"name":"a"}]}`, want: op(0, 0)},
		"null outputs":          {body: `{"inputs":[{"shape":[2],"parameters":null}],"outputs":null}`, want: op(2, authz.Unbounded)},
		"endless shape":         {body: `{"inputs":[{"shape":[9007199254740993]}],"outputs":[{"name":"a"}]}`, want: op(authz.Unbounded, authz.Unbounded)},
		"binary, too short":     {body: `{"inputs":[{"shape":[2],"parameters":{"binary_data_size":11}}]}abc`, bad: "what follows the document"},
		"binary, too long":      {body: `{"inputs":[{"shape":[2],"parameters":{"binary_data_size":1}}]}abc`, bad: "what follows the document"},
		"binary, missing":       {body: `{"inputs":[{"shape":[2],"parameters":{"binary_data_size":1}}]}`, bad: "what follows the document"},
		"two documents":         {body: `{"inputs":[{"shape":[2]}]}{}`, bad: "what follows the document"},
		"no shape":              {body: `{"inputs":[{"name":"a"}]}`, bad: "an input has no shape"},
		"a negative shape":      {body: `{"inputs":[{"shape":[-1]}]}`, bad: "shape is no whole number"},
		"shape twice":           {body: `{"inputs":[{"shape":[1],"shape":[9]}]}`, bad: "shape stands twice"},
		"shape, other case":     {body: `{"inputs":[{"shape":[1],"Shape":[9]}]}`, bad: "differs from shape in case"},
		"inputs twice":          {body: `{"inputs":[],"inputs":[{"shape":[9]}]}`, bad: "inputs stands twice"},
		"no inputs":             {body: `{"inputs":[]}`, bad: "inputs is missing"},
		"nothing":               {body: `{}`, bad: "inputs is missing"},
		"no JSON":               {body: "\x00\x01", bad: "not what this API takes"},
		"shared memory, hidden": {body: `{"inputs":[{"shape":[1]}],"outputs":[{"parameters":{"shared_memory_regio\u006e":"r"}}]}`, bad: "shared memory pass Weir by"},
	})
	columns := done(v1, authz.Unbounded, authz.Unbounded)
	checkBodies(t, dialect.KServe{}, "POST", "/v1/models/bge:predict", map[string]bodyCase{
		"docs":            {body: `{"instances":["a","b"]}`, want: done(v1, 2, 2)},
		"objects":         {body: `{"instances":[{"text":"a"}],"signature_name":"embed"}`, want: done(v1, 1, 1)},
		"by column":       {body: `{"inputs":{"text":["a","b"]}}`, want: columns},
		"by row and more": {body: `{"instances":["a"],"inputs":["b","c"]}`, want: columns},
		"twice":           {body: `{"instances":["a"],"instances":["a","b"]}`, bad: "instances stands twice"},
		"nothing":         {body: `{}`, bad: "instances is missing"},
	})
}

// TestKServeMessages: messages named after the client are those of tritonclient 2.73.0, the others made of the field numbers in Triton's
// grpc_service.proto.
func TestKServeMessages(t *testing.T) {
	const service = "/inference.GRPCInferenceService/"
	op := func(rpc string, batch, vectors int64) authz.Operation {
		return done(authz.Operation{Class: authz.ClassEmbed, Model: "bge", Object: service + rpc}, batch, vectors)
	}
	const text = "2a110a0454455854120542595445531a020201"
	one := op("ModelInfer", 2, 2)
	checkMessages(t, dialect.KServe{}, map[string]messageCase{
		"tritonclient":          {msg: "0a03626765" + text + "320b0a09656d62656464696e673a0b010000006102000000" + "6263", want: one},
		"tritonclient, all":     {msg: "0a03626765" + text + "3a0b0100000061020000006263", want: op("ModelInfer", 2, authz.Unbounded)},
		"tritonclient, shared":  {msg: "0a03626765" + text + "32480a09656d62656464696e67121e0a177368617265645f6d656d6f72795f627974655f73697a651203108008121b0a147368617265645f6d656d6f72795f726567696f6e12031a01723a0b0100000061020000006263", want: one, bad: "shared memory pass Weir by"},
		"in a stream":           {msg: "0a03626765" + text + "3200", want: op("ModelStreamInfer", 2, 2)},
		"a shape, unpacked":     {msg: "0a03626765" + "2a0418051801" + "3200", want: op("ModelInfer", 5, 5)},
		"no shape":              {msg: "0a03626765" + "2a00" + "3200", want: op("ModelInfer", 1, 1)},
		"two inputs":            {msg: "0a03626765" + "2a021803" + "2a021807" + "3200" + "3200", want: op("ModelInfer", 7, 14)},
		"a negative shape":      {msg: "0a03626765" + "2a0b18ffffffffffffffffff01", want: one, bad: "a shape is negative"},
		"the model twice":       {msg: "0a03626765" + "0a0161" + text, want: one, bad: "model_name stands twice"},
		"no model":              {msg: text, want: one, bad: "model_name is missing"},
		"no input":              {msg: "0a03626765", want: one, bad: "inputs is missing"},
		"an input that is none": {msg: "0a03626765" + "2801", want: one, bad: "inputs is no message"},
		"cut off":               {msg: "0a03626765" + "2a11", want: one, bad: "begins no protobuf field"},
	})
	d := dialect.KServe{}
	grpc := authz.Header{"content-type": {"application/grpc"}}
	stream := d.Head("POST", service+"ModelStreamInfer", "", grpc)
	msg := fromHex(t, "0a03626765"+text+"3200")
	for i := range int64(3) {
		var err error
		if stream, err = d.Body(stream, msg); err != nil || stream.Vectors != 2*(i+1) || stream.Documents != 2*(i+1) {
			t.Fatalf("after message %d: %+v, %v", i+1, stream, err)
		}
	}
	if _, err := d.Body(stream, fromHex(t, "0a0161"+text)); err == nil {
		t.Error("a stream goes on with another model")
	}
	for rpc, class := range map[string]authz.Class{
		"ServerLive": authz.ClassList, "ModelMetadata": authz.ClassList, "RepositoryIndex": authz.ClassList, "RepositoryModelLoad": authz.ClassAdmin,
		"SystemSharedMemoryRegister": authz.ClassUnknown, "Trace": authz.ClassUnknown, "": authz.ClassUnknown,
	} {
		if op := d.Head("POST", service+rpc, "", grpc); op.Class != class || !op.Complete || d.NeedsBody("POST", service+rpc) {
			t.Errorf("%s: %+v; want %s", rpc, op, class)
		}
	}
}

func TestKServePlaces(t *testing.T) {
	const service = "/inference.GRPCInferenceService/"
	checkPlaces(t, dialect.KServe{}, []placeCase{
		{op: embed("/v2/models/bge/infer"), format: scan.FormatKServe, vectors: "outputs[*].data"},
		{op: embed("/v2/models/bge/infer"), status: 400},
		{op: embed(""), vectors: "predictions[*] outputs"},
		{op: embed(service + "ModelInfer"), format: scan.FormatGRPC, vectors: "5.5.6 5.5.7 5.5.2 5.5.3 5.5.4 5.5.5 6"},
		{op: embed(service + "ModelStreamInfer"), format: scan.FormatGRPC, vectors: "2.5.5.6 2.5.5.7 2.5.5.2 2.5.5.3 2.5.5.4 2.5.5.5 2.6"},
		{op: authz.Operation{Class: authz.ClassList, Object: service + "ModelMetadata"}, format: scan.FormatGRPC},
		{op: unknown()},
		{op: list()},
	})
}
