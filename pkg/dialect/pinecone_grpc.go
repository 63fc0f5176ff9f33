package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// pineconeRPC is a method of Pinecone's VectorService. Source: pinecone's db_data 2025-10 .proto.
type pineconeRPC struct {
	class  authz.Class
	name   string
	fields pineconeNumbers
}

// pineconeNumbers are field numbers of a request message; 0 for what it does not have.
type pineconeNumbers struct {
	namespace, limit, ids, values, queries, page int32
}

// parsePineconeRPC reads a path; ok is false for one that is no gRPC method.
func parsePineconeRPC(path string) (m pineconeRPC, ok bool) {
	m.class = authz.ClassUnknown
	name, ok := strings.CutPrefix(path, "/VectorService/")
	if !ok {
		return m, false
	}
	m.name = name
	switch name {
	case "Query":
		m.class, m.fields = authz.ClassSearch, pineconeNumbers{namespace: 1, limit: 2, values: 4, queries: 6}
	case "Fetch":
		m.class, m.fields = authz.ClassRead, pineconeNumbers{ids: 1, namespace: 2}
	case "FetchByMetadata":
		m.class, m.fields = authz.ClassRead, pineconeNumbers{namespace: 1, limit: 3, page: 4}
	case "Upsert":
		m.class, m.fields = authz.ClassWrite, pineconeNumbers{ids: 1, namespace: 2}
	case "Update":
		m.class, m.fields = authz.ClassWrite, pineconeNumbers{namespace: 4}
	case "Delete":
		m.class, m.fields = authz.ClassWrite, pineconeNumbers{namespace: 3}
	case "List":
		m.class, m.fields = authz.ClassList, pineconeNumbers{namespace: 4}
	case "DescribeNamespace":
		m.class, m.fields = authz.ClassList, pineconeNumbers{namespace: 1}
	case "DescribeIndexStats", "ListNamespaces":
		m.class = authz.ClassList
	case "CreateNamespace", "DeleteNamespace":
		m.class, m.fields = authz.ClassAdmin, pineconeNumbers{namespace: 1}
	}
	return m, true
}

// head is the operation of a call.
func (m pineconeRPC) head(method, path string, h authz.Header) authz.Operation {
	op := authz.Operation{Class: m.class, Object: path, Complete: true}
	switch {
	case m.class == authz.ClassUnknown || method != "POST" || !isGRPC(h):
		return unknown()
	case m.fields.namespace > 0:
		return incomplete(op)
	}
	return op
}

// message reads one message of a request.
func (d Pinecone) message(m pineconeRPC, op authz.Operation, msg []byte) (authz.Operation, error) {
	out := begun(op)
	a := pineconeAsk{limit: absent, ids: 0, namespaces: earlier(op)}
	var seen uint64
	if err := readMessage(msg, func(f *wireField) error { return a.field(m.fields, f, &seen) }); err != nil {
		return op, err
	}
	var docs, vectors int64
	switch m.name {
	case "Query":
		docs = a.documents(pineconeQuery)
		if a.values {
			vectors = docs
		}
	case "Fetch":
		docs, vectors = a.ids, a.ids
	case "FetchByMetadata":
		docs = a.documents(pineconeByMetadata)
		if vectors = docs; a.page {
			out.Class = authz.ClassExport
		}
	case "Upsert":
		docs = a.ids
	case "Update", "Delete":
		docs = authz.Unbounded
	}
	out.Collection = a.namespaces.joined
	out.Documents, out.Vectors = sum(out.Documents, docs), sum(out.Vectors, vectors)
	out.Bytes += int64(len(msg))
	return out, nil
}

// field reads a field of a request.
func (a *pineconeAsk) field(n pineconeNumbers, f *wireField, seen *uint64) (err error) {
	switch f.number {
	case n.namespace, n.limit, n.values:
		if err := f.once(seen, "a field"); err != nil {
			return err
		}
	}
	switch f.number {
	case n.namespace:
		var s string
		if s, err = f.text("namespace"); err == nil {
			err = a.namespaces.add(s)
		}
	case n.limit:
		a.limit, err = f.whole("top_k or limit")
	case n.values:
		a.values, err = f.flag("include_values")
	case n.page:
		a.page = true
	case n.ids:
		if a.ids++; f.is != wireBytes {
			err = badBody("ids are no strings")
		}
	case n.queries: // QueryVector: top_k=2, namespace=3
		var once uint64
		one := pineconeAsk{limit: absent}
		err = f.message("queries", func(f *wireField) error {
			return one.field(pineconeNumbers{limit: 2, namespace: 3}, f, &once)
		})
		if err == nil {
			if one.limit == 0 { // as good as absent
				one.limit = absent
			}
			err = a.query(one)
		}
	}
	return err
}

// answer is where the messages of an answer hold vectors and scores, by field numbers.
func (m pineconeRPC) answer() []scan.Field {
	switch m.name {
	case "Query": // matches=2 and, deprecated, results=1 → matches=1: ScoredVector
		return pineconeScored(pineconeScored(nil, "2"), "1.1")
	case "Fetch", "FetchByMetadata": // vectors=1, a map: Vector.values=2, sparse_values=4
		return append(pineconeSparse(nil, "1.2.4"), vectorAt("1.2.2", scan.EncodingFloats))
	}
	return nil
}

// pineconeScored adds the places of a ScoredVector: score=2, values=3, sparse_values=5.
func pineconeScored(to []scan.Field, at string) []scan.Field {
	return append(pineconeSparse(to, at+".5"), vectorAt(at+".3", scan.EncodingFloats), scoreAt(at+".2"))
}

// pineconeSparse adds the places of SparseValues: indices=1, values=2.
func pineconeSparse(to []scan.Field, at string) []scan.Field {
	return append(to, scan.Field{Path: at + ".1", Encoding: scan.EncodingInts, Role: scan.RoleIndices}, vectorAt(at+".2", scan.EncodingFloats))
}

// carries is where the messages of a request hold dense vectors.
func (m pineconeRPC) carries() []scan.Field {
	switch m.name {
	case "Query": // vector=7, queries=6 → values=1
		return []scan.Field{vectorAt("7", scan.EncodingFloats), vectorAt("6.1", scan.EncodingFloats)}
	case "Upsert": // vectors=1 → values=2
		return []scan.Field{vectorAt("1.2", scan.EncodingFloats)}
	case "Update":
		return []scan.Field{vectorAt("2", scan.EncodingFloats)}
	}
	return nil
}
