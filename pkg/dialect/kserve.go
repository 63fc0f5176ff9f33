package dialect

import (
	"bytes"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// KServe is the inference protocol of KServe, Triton and others: v1 (POST /v1/models/{model}:predict), v2 over HTTP
// (/v2/models/{model}[/versions/{version}]/infer, JSON or with Triton's binary tensors) and v2 over gRPC. Source: KServe's "Open Inference
// Protocol", Triton's binary tensor data extension and grpc_service.proto. Shared memory, by which tensors would pass Weir by, is refused.
type KServe struct{}

// Name implements Dialect.
func (KServe) Name() string { return "kserve" }

const (
	kserveService = "/inference.GRPCInferenceService/"
	kserveInfer   = kserveService + "ModelInfer"
	kserveStream  = kserveService + "ModelStreamInfer"
)

// kserveModel returns the model of an inference over HTTP, and whether it is of v2.
func kserveModel(method, path string) (model string, v2, ok bool) {
	if method != "POST" {
		return "", false, false
	}
	if rest, found := strings.CutPrefix(path, "/v1/models/"); found {
		model, ok = strings.CutSuffix(rest, ":predict")
		return model, false, ok && model != "" && !strings.Contains(model, "/")
	}
	rest, found := strings.CutPrefix(path, "/v2/models/")
	if !found {
		return "", false, false
	}
	model, rest, _ = strings.Cut(rest, "/")
	if after, versioned := strings.CutPrefix(rest, "versions/"); versioned {
		_, rest, _ = strings.Cut(after, "/")
	}
	return model, true, rest == "infer"
}

// NeedsBody implements Dialect.
func (KServe) NeedsBody(method, path string) bool {
	_, _, ok := kserveModel(method, path)
	return ok || method == "POST" && (path == kserveInfer || path == kserveStream)
}

// Head implements Dialect.
func (KServe) Head(method, path, _ string, h authz.Header) authz.Operation {
	model, v2, ok := kserveModel(method, path)
	rpc, isRPC := strings.CutPrefix(path, kserveService)
	switch {
	case overridesMethod(h):
		return unknown()
	case isRPC:
		if method != "POST" || !isGRPC(h) {
			return unknown()
		}
		return kserveRPC(path, rpc)
	case ok && v2:
		return incomplete(authz.Operation{Class: authz.ClassEmbed, Model: model, Object: path})
	case ok:
		return incomplete(authz.Operation{Class: authz.ClassEmbed, Model: model})
	}
	return kserveManagement(method, path)
}

// kserveRPC is the operation of a gRPC method. Its path stays with it: the answers of all are messages.
func kserveRPC(path, rpc string) authz.Operation {
	op := authz.Operation{Object: path}
	switch rpc {
	case "ModelInfer", "ModelStreamInfer":
		op.Class = authz.ClassEmbed
		return incomplete(op)
	case "ServerLive", "ServerReady", "ServerMetadata", "ModelReady", "ModelMetadata", "ModelConfig", "ModelStatistics", "RepositoryIndex":
		op.Class, op.Complete = authz.ClassList, true
	case "RepositoryModelLoad", "RepositoryModelUnload":
		op.Class, op.Complete = authz.ClassAdmin, true
	default:
		op = unknown()
		op.Object = path
	}
	return op
}

// kserveManagement is the operation of a request about servers and models.
func kserveManagement(method, path string) authz.Operation {
	load := strings.HasPrefix(path, "/v2/repository/models/") && (strings.HasSuffix(path, "/load") || strings.HasSuffix(path, "/unload"))
	switch {
	case method == "POST" && load:
		return complete(authz.ClassAdmin)
	case method == "POST" && path == "/v2/repository/index":
		return complete(authz.ClassList)
	case method == "GET" && (path == "/v2" || strings.HasPrefix(path, "/v2/health/") || path == "/v2/models" || strings.HasPrefix(path, "/v2/models/") ||
		path == "/v1/models" || strings.HasPrefix(path, "/v1/models/")):
		return complete(authz.ClassList)
	}
	return unknown()
}

// Body implements Dialect. Of v2, a vector is expected for each row of the batch in each output that is asked for; without a list of
// outputs the model returns all it has. A model that returns one for each token returns more: the meter sees it.
func (KServe) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	switch {
	case strings.HasPrefix(op.Object, kserveService):
		return kserveMessage(op, body)
	case op.Object != "":
		return kserveTensors(op, body)
	}
	instances, columns := absent, false
	err := readObject(body, []string{"instances", "inputs"}, func(r *reader, k string) (err error) {
		if k == "inputs" { // by column: how many rows they are is told by the model's signature
			columns = true
			return r.skip()
		}
		instances, _, err = r.count(k)
		return err
	})
	switch {
	case err != nil:
		return op, err
	case columns:
		instances = authz.Unbounded
	case instances < 0:
		return op, badBody("instances is missing")
	}
	op.Vectors, op.Documents, op.Bytes, op.Complete = instances, instances, int64(len(body)), true
	return op, nil
}

// tensors is what an inference request says of its volume.
type tensors struct {
	batch   int64 // rows of its largest input; absent without inputs
	outputs int64 // how many are asked for; 0 for all
	binary  int64 // bytes after the JSON document
}

// of completes op; what came before of a stream is added to.
func (t *tensors) of(op authz.Operation, body []byte) (authz.Operation, error) {
	if t.batch < 0 {
		return op, badBody("inputs is missing")
	}
	vectors := authz.Unbounded
	if t.outputs > 0 {
		vectors = product(t.batch, t.outputs)
	}
	op = begun(op)
	op.Vectors, op.Documents, op.Bytes = sum(op.Vectors, vectors), sum(op.Documents, t.batch), sum(op.Bytes, int64(len(body)))
	return op, nil
}

// kserveTensors reads the JSON document of an inference over HTTP, and sees that what follows is as long as it says: servers are told the
// document's length in a header, and read no other.
func kserveTensors(op authz.Operation, body []byte) (authz.Operation, error) {
	t := tensors{batch: absent}
	r := &reader{src: body}
	err := r.members([]string{"inputs", "outputs"}, func(r *reader, k string) error {
		c, err := r.peek()
		switch {
		case err != nil || c == 'n':
			return firstOf(err, r.skip)
		case k == "inputs":
			return r.array(func() error { return t.input(r) })
		}
		return r.array(func() error {
			t.outputs++
			return r.members([]string{"parameters"}, t.parameters)
		})
	})
	if err != nil {
		return op, err
	}
	if rest := body[r.at:]; int64(len(rest)) != t.binary && (t.binary > 0 || len(bytes.Trim(rest, " \t\r\n")) > 0) {
		return op, badBody("what follows the document is not what its tensors are")
	}
	return t.of(op, body)
}

// input consumes an input tensor. Its first dimension is the batch; a tensor without dimensions is one row.
func (t *tensors) input(r *reader) error {
	rows := absent
	err := r.members([]string{"shape", "parameters"}, func(r *reader, k string) error {
		if k == "parameters" {
			return t.parameters(r, k)
		}
		rows = 1
		first := true
		return r.array(func() error {
			n, _, err := r.number(k)
			if first {
				rows, first = n, false
			}
			return err
		})
	})
	if err == nil && rows < 0 {
		err = badBody("an input has no shape")
	}
	t.batch = max(t.batch, rows)
	return err
}

// parameters consumes the parameters of a tensor.
func (t *tensors) parameters(r *reader, _ string) error {
	if c, err := r.peek(); err != nil || c == 'n' {
		return firstOf(err, r.skip)
	}
	return r.members([]string{"binary_data_size", "shared_memory_region"}, func(r *reader, k string) error {
		if k == "shared_memory_region" {
			return badBody("tensors in shared memory pass Weir by")
		}
		n, _, err := r.number(k)
		t.binary = sum(t.binary, n)
		return err
	})
}

// kserveMessage reads a ModelInferRequest: model_name in field 1, inputs in 5 with their shapes in 3, outputs in 6 with parameters in 2.
func kserveMessage(op authz.Operation, msg []byte) (authz.Operation, error) {
	t := tensors{batch: absent}
	var model string
	seen := uint64(0)
	err := readMessage(msg, func(f *wireField) (err error) {
		switch f.number {
		case 1:
			if err = f.once(&seen, "model_name"); err == nil {
				model, err = f.text("model_name")
			}
		case 5:
			rows, first := int64(1), true
			err = f.message("inputs", func(f *wireField) error {
				if f.number != 3 {
					return nil
				}
				return f.numbers("shape", func(n int64) {
					if first {
						rows, first = n, false
					}
				})
			})
			if t.batch = max(t.batch, rows); err == nil && rows < 0 {
				err = badBody("a shape is negative")
			}
		case 6:
			t.outputs++
			err = f.message("outputs", func(f *wireField) error {
				if f.number != 2 {
					return nil
				}
				return f.message("parameters", func(f *wireField) error {
					if f.number == 1 && string(f.bytes) == "shared_memory_region" {
						return badBody("tensors in shared memory pass Weir by")
					}
					return nil
				})
			})
		}
		return err
	})
	switch {
	case err != nil:
		return op, err
	case model == "":
		return op, badBody("model_name is missing")
	case op.Complete && model != op.Model:
		return op, badBody("the model changes within the stream")
	}
	out, err := t.of(op, msg)
	if err == nil {
		out.Model = model
	}
	return out, err
}

// Carries implements Dialect: what goes in is for a model, whatever it is.
func (KServe) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// Answer implements Dialect. The fields of tensors give no encoding: each tensor has its datatype beside it, in raw_output_contents the
// output of the same place.
func (KServe) Answer(op authz.Operation, resp authz.Response) Answer {
	switch {
	case op.Object == kserveInfer:
		return judgedGRPC(kserveOutputs("")...)
	case op.Object == kserveStream: // ModelStreamInferResponse.infer_response
		return judgedGRPC(kserveOutputs("2.")...)
	case strings.HasPrefix(op.Object, kserveService):
		return judgedGRPC()
	case op.Class != authz.ClassEmbed || resp.Status >= 400:
		return judged()
	case op.Object == "":
		return judgedFields(vectorAt("predictions[*]", scan.EncodingNested), vectorAt("outputs", scan.EncodingNested))
	}
	return Answer{
		Judge: true, Format: scan.FormatKServe, Fields: []scan.Field{vectorAt("outputs[*].data", scan.EncodingAuto)},
		ContentTypes: []string{"application/json", "application/octet-stream"},
	}
}

// kserveOutputs are the places of the tensors of a ModelInferResponse that lies at prefix: outputs.contents, by type, and
// raw_output_contents. A tensor is its rows end to end; the last number of its shape is how long they are.
func kserveOutputs(prefix string) []scan.Field {
	fields := []scan.Field{
		vectorAt(prefix+"5.5.6", scan.EncodingFloats), vectorAt(prefix+"5.5.7", scan.EncodingDoubles),
		vectorAt(prefix+"5.5.2", scan.EncodingInts), vectorAt(prefix+"5.5.3", scan.EncodingInts),
		vectorAt(prefix+"5.5.4", scan.EncodingInts), vectorAt(prefix+"5.5.5", scan.EncodingInts),
		vectorAt(prefix+"6", scan.EncodingAuto),
	}
	for i := range fields {
		fields[i].Dims = prefix + "5.3"
	}
	fields[len(fields)-1].Type = prefix + "5.2"
	return fields
}
