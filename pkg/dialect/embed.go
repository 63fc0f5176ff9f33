package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// embedRequest is what the body of an embedding request says, in the words that most APIs share. An API that has other words for texts
// counts them itself; a key that an API does not have must not be looked for.
type embedRequest struct {
	texts  int64 // what is embedded; absent when the body does not say
	dims   int64
	model  string
	format string // encoding_format: float, base64 …
	dtype  string // output_dtype and its like: float, int8 …
}

// member takes a member whose key is of the common words.
func (q *embedRequest) member(r *reader, key string) (err error) {
	switch key {
	case "input", "inputs":
		q.texts, err = r.texts(key)
	case "model":
		q.model, err = r.text(key)
	case "dimensions", "output_dimension":
		q.dims, _, err = r.number(key)
	case "encoding_format":
		q.format, err = r.text(key)
	case "output_dtype":
		q.dtype, err = r.text(key)
	default:
		err = r.skip()
	}
	return err
}

// operation completes op: one vector for each text. Where a deployment in the path is what the upstream goes by, it stays.
func (q *embedRequest) operation(op authz.Operation, body []byte) (authz.Operation, error) {
	encoding, err := written(q.dtype, q.format)
	if err != nil {
		return op, err
	}
	if op.Model == "" {
		op.Model = q.model
	}
	op.Vectors, op.Documents, op.Dims = q.texts, q.texts, q.dims
	op.Encoding, op.Bytes, op.Complete = string(encoding), int64(len(body)), true
	return op, nil
}

// written returns how vectors of a data type are written in a format. What could not be judged is refused.
func written(dtype, format string) (scan.Encoding, error) {
	if format != "" && format != "float" && format != "base64" {
		return "", badBody("encoding_format must be float or base64")
	}
	switch dtype {
	case "", "float":
		return scan.EncodingAuto, nil
	case "int8", "uint8", "binary", "ubinary":
		if format == "base64" {
			return scan.EncodingBase64I8, nil
		}
		return scan.EncodingInts, nil
	}
	return "", badBody("output_dtype must be float, int8, uint8, binary or ubinary")
}

// embedBody reads the body of an embedding request, whose texts are at key.
func embedBody(op authz.Operation, body []byte, key string) (authz.Operation, error) {
	q := embedRequest{texts: absent}
	if err := readObject(body, []string{key, "model", "dimensions", "encoding_format"}, q.member); err != nil {
		return op, err
	}
	if q.texts < 0 {
		return op, badBody("%s is missing", key)
	}
	return q.operation(op, body)
}

// rerankBody reads the body of a request that compares a query with documents, which are at any of the keys. It returns scores, no vectors.
func rerankBody(op authz.Operation, body []byte, keys ...string) (authz.Operation, error) {
	documents, model, unbounded := absent, "", false
	err := readObject(body, append(keys, "model"), func(r *reader, k string) (err error) {
		if k == "model" {
			model, err = r.text(k)
			return err
		}
		n, err := r.many(k)
		unbounded = unbounded || n < 0
		documents = max(documents, n)
		return err
	})
	switch {
	case err != nil:
		return op, err
	case unbounded:
		documents = authz.Unbounded
	case documents < 0:
		return op, badBody("%s is missing", keys[0])
	}
	op.Model, op.Vectors, op.Documents, op.Bytes, op.Complete = model, 0, documents, int64(len(body)), true
	return op, nil
}

// many consumes what is one thing or an array of them, and returns how many; an object could hold any number.
func (r *reader) many(what string) (int64, error) {
	c, err := r.peek()
	switch {
	case err != nil:
		return 0, err
	case c == '"':
		return 1, r.skip()
	case c == '{':
		return authz.Unbounded, r.skip()
	}
	n, present, err := r.count(what)
	if err == nil && !present {
		err = badBody("%s is null", what)
	}
	return n, err
}

// export is the operation of a request for things as a whole, however many vectors they hold.
func export(object string) authz.Operation {
	op := complete(authz.ClassExport)
	op.Object, op.Vectors, op.Documents = object, authz.Unbounded, authz.Unbounded
	return op
}

// bulk knows the routes by which an API of OpenAI's kind embeds files in the background: batches, Mistral's batch jobs, and the files that
// their vectors are fetched in.
func bulk(method, path string) (op authz.Operation, ok bool) {
	_, rest, ok := strings.Cut(path, "/v1/")
	if !ok {
		if rest, ok = strings.CutPrefix(path, "/openai/"); !ok { // Azure
			return op, false
		}
	}
	noun, rest, _ := strings.Cut(rest, "/")
	if noun == "batch" {
		if noun, rest, _ = strings.Cut(rest, "/"); noun == "jobs" {
			noun = "batches"
		}
	}
	id, verb, _ := strings.Cut(rest, "/")
	switch {
	case noun != "batches" && noun != "files":
		return op, false
	case method == "POST" && noun == "batches" && rest == "":
		return export(""), true
	case method == "GET" && noun == "files" && id != "" && (verb == "content" || verb == "url"):
		return export(path), true
	case method == "GET" && verb == "":
		return complete(authz.ClassList), true
	case method == "POST" && (rest == "" || verb == "cancel"), method == "DELETE" && id != "" && verb == "":
		op = complete(authz.ClassWrite)
		op.Documents = authz.Unbounded
		return op, true
	}
	return op, false
}

// bulkAnswer is the answer to an operation of bulk. What comes out of a batch is one answer a line; any error is one document.
func bulkAnswer(op authz.Operation, resp authz.Response, path string) Answer {
	if op.Class != authz.ClassExport || !strings.HasSuffix(op.Object, "/content") || resp.Status >= 400 {
		return judged()
	}
	return Answer{Judge: true, Format: scan.FormatNDJSON, Fields: []scan.Field{vectorAt("response.body."+path, scan.EncodingAuto)}}
}

// textual consumes a string of any length; null is none.
func (r *reader) textual(what string) error {
	c, err := r.peek()
	if err != nil {
		return err
	}
	if c != '"' && c != 'n' {
		return badBody("%s is no string", what)
	}
	return r.skip()
}
