// Package dialect reads the APIs of upstreams: what a request asks for, and where its answer may hold vectors. One file per API.
//
// It owns the translation from an API's own words into authz.Operation, and nothing else: it neither decides nor counts. It trusts no
// request: bodies are read with a strict JSON reader, duplicate keys that would make two readers disagree are refused, and what a dialect
// does not know is ClassUnknown, which the shipped policy denies. Counts are upper bounds.
package dialect

import (
	"fmt"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// Dialect is one upstream API. Implementations are stateless and safe for concurrent use. Paths are canonical and without query.
type Dialect interface {
	// Name is the name that a target's configuration uses.
	Name() string
	// NeedsBody reports whether the request's body must be read before its operation is complete.
	NeedsBody(method, path string) bool
	// Head returns the operation as the request head states it; not complete where NeedsBody.
	Head(method, path, rawQuery string, h authz.Header) authz.Operation
	// Body completes op by the request's body. An *authz.Error of KindBadRequest says that it is not what the API takes.
	Body(op authz.Operation, body []byte) (authz.Operation, error)
	// Carries says where the request's own body holds vectors (search, recommend, upsert): sealed ones are opened there. Most hold none.
	Carries(op authz.Operation) (scan.Format, []scan.Field)
	// Answer says how the answer to op must be treated.
	Answer(op authz.Operation, resp authz.Response) Answer
}

// Storage is the dialect of a store of objects: files, registries, hubs.
type Storage interface {
	Dialect
	// Piece says which part of which object an answer hands out; ok is false where it hands out none (an error, a listing, a receipt). A
	// version is taken from what changes with the content only: a digest, a strong ETag.
	Piece(op authz.Operation, resp authz.Response) (p authz.Piece, ok bool)
}

// Answer is how an answer must be treated. The zero value says that its body does not matter.
type Answer struct {
	Judge        bool         // it may hold vectors: it must be read, and refused when it cannot be
	Format       scan.Format  // of the document
	Fields       []scan.Field // where vectors and scores are
	Dims         int64        // of each vector of a scan.FormatOctets body; 0: not known, and it cannot be judged
	Described    bool         // another part of the answer says how long a scan.FormatOctets body is: none of it may be left out
	MoreScores   bool         // it may tell scores at other places, too: where they are masked it is refused
	ContentTypes []string     // acceptable media types; empty: any
	MaxBytes     int64        // an answer longer than this is none that the operation has, and is refused; 0: no bound
}

// ForTarget returns the dialect of a target. Where its dialect reads no answers, or is not known, and its kind is one whose answers hold
// vectors, every answer is judged all the same: what holds a vector nobody declared is caught.
func ForTarget(t authz.Target) Dialect {
	d, ok := ByName(t.Dialect)
	vectors := t.Kind == authz.KindInference || t.Kind == authz.KindVectorDB
	if _, headOnly := d.(HTTP); !ok || headOnly && vectors {
		return HTTP{Judge: vectors || !ok}
	}
	if len(t.Vectors) > 0 {
		d, _ = withNames(d, t.Vectors)
	}
	if m, ok := d.(Milvus); ok {
		m.PrimaryKeys = t.PrimaryKeys
		return m
	}
	return d
}

// ReadsAnswers reports whether some answers of the dialect are read for vectors. Where it does not, nothing is masked: answers are objects, or
// of no known API, and are counted only.
func ReadsAnswers(d Dialect) bool {
	if h, ok := d.(HTTP); ok {
		return h.Judge
	}
	_, objects := d.(Storage)
	return !objects
}

// judged is the answer of an operation that may return vectors at the paths. Error answers are judged too: an error may quote its input.
func judged(paths ...string) Answer {
	a := judgedFields()
	if len(paths) > 0 {
		a.Fields = make([]scan.Field, len(paths))
	}
	for i, p := range paths {
		a.Fields[i] = vectorAt(p, scan.EncodingAuto)
	}
	return a
}

// judgedFields is the same, of fields of any role and encoding.
func judgedFields(fields ...scan.Field) Answer {
	return Answer{Judge: true, Format: scan.FormatJSON, Fields: fields, ContentTypes: []string{"application/json"}}
}

// judgedGRPC is the same, of a gRPC method.
func judgedGRPC(fields ...scan.Field) Answer {
	return Answer{Judge: true, Format: scan.FormatGRPC, Fields: fields, ContentTypes: []string{"application/grpc", "application/grpc+proto"}}
}

func vectorAt(path string, e scan.Encoding) scan.Field {
	return scan.Field{Path: path, Encoding: e, Role: scan.RoleVector}
}

func scoreAt(path string) scan.Field { return scan.Field{Path: path, Role: scan.RoleScore} }

// unknown is the operation of a request that the dialect does not know. It is complete: nothing more would be learned from its body. What
// it returns is anybody's guess, and so without bound.
func unknown() authz.Operation {
	return authz.Operation{Class: authz.ClassUnknown, Complete: true, Vectors: authz.Unbounded, Documents: authz.Unbounded}
}

// incomplete is an operation whose counts only its body tells: until then there is no bound.
func incomplete(op authz.Operation) authz.Operation {
	op.Complete, op.Vectors, op.Documents = false, authz.Unbounded, authz.Unbounded
	return op
}

// complete is an operation that its request's head states in full.
func complete(c authz.Class) authz.Operation { return authz.Operation{Class: c, Complete: true} }

// overridesMethod reports whether a header asks the upstream to take the request for one of another method, which some frameworks do.
func overridesMethod(h authz.Header) bool {
	return len(h["x-http-method-override"])+len(h["x-http-method"])+len(h["x-method-override"]) > 0
}

// badBody is the refusal of a body that the API does not take.
func badBody(format string, args ...any) error {
	return &authz.Error{
		Kind: authz.KindBadRequest, Label: "request_body_malformed",
		Public: "the request body is not what this API takes: " + fmt.Sprintf(format, args...),
	}
}
