package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// Milvus is Milvus's API: REST v2 (/v2/vectordb/…; its documentation) and gRPC (milvus_grpc.go).
//
// Which fields of a collection are vectors, no request says: Vectors does. Without it every field that is asked for by name counts as one
// that may be a vector. Collections of other databases than the default one are called database.collection.
type Milvus struct {
	// Vectors are the names of the vector fields (authz.Target.Vectors).
	Vectors []string
	// PrimaryKeys are the names of the fields that are primary keys, of whose values each is one entity's (authz.Target.PrimaryKeys).
	PrimaryKeys []string
}

// Name implements Dialect.
func (Milvus) Name() string { return "milvus" }

// parseMilvus reads a REST path; verb is empty where it is not of entities.
func parseMilvus(method, path string) (class authz.Class, verb string) {
	rest, ok := strings.CutPrefix(path, "/v2/vectordb/")
	area, action, _ := strings.Cut(rest, "/")
	if !ok || method != "POST" || action == "" {
		return authz.ClassUnknown, ""
	}
	if area == "entities" {
		switch action {
		case "search", "hybrid_search", "advanced_search":
			return authz.ClassSearch, action
		case "query", "get":
			return authz.ClassRead, action
		case "insert", "upsert", "delete":
			return authz.ClassWrite, action
		}
		return authz.ClassUnknown, ""
	}
	if area == "jobs" || area == "collections" && strings.Contains(action, "/") { // jobs/import/list, collections/fields/alter_properties
		_, action, _ = strings.Cut(action, "/")
	}
	switch area {
	case "collections", "partitions", "indexes", "aliases", "databases", "users", "roles", "privilege_groups", "resource_groups", "jobs", "segments", "quotacenter":
		return milvusAction(action), ""
	}
	return authz.ClassUnknown, ""
}

// milvusAction is the class of what is done with other things than entities.
func milvusAction(action string) authz.Class {
	switch action {
	case "list", "describe", "has", "get_stats", "get_load_state", "get_progress", "get_compaction_state", "get_flush_state":
		return authz.ClassList
	}
	for _, verb := range [...]string{
		"create", "drop", "rename", "load", "release", "refresh_load", "alter", "compact", "flush", "truncate", "grant", "revoke", "update", "add", "remove", "transfer",
	} {
		if rest, ok := strings.CutPrefix(action, verb); ok && (rest == "" || rest[0] == '_') {
			return authz.ClassAdmin
		}
	}
	return authz.ClassUnknown
}

// NeedsBody implements Dialect: every request names its collection there.
func (Milvus) NeedsBody(method, path string) bool {
	if m, ok := parseMilvusRPC(path); ok {
		return method == "POST" && m.reads
	}
	class, _ := parseMilvus(method, path)
	return class != authz.ClassUnknown
}

// Head implements Dialect. The database may stand in a header; the body, where it names one, comes before that.
func (Milvus) Head(method, path, _ string, h authz.Header) authz.Operation {
	class, _ := parseMilvus(method, path)
	database := h.Get("db-name")
	m, grpc := parseMilvusRPC(path)
	if grpc {
		class, database = m.class, h.Get("dbname")
	}
	switch {
	case overridesMethod(h) || class == authz.ClassUnknown || len(database) > maxText || grpc && (method != "POST" || !isGRPC(h)):
		return unknown()
	case grpc && !m.reads:
		op := authz.Operation{Class: class, Object: path, Complete: true}
		if class == authz.ClassExport {
			op.Documents, op.Vectors = authz.Unbounded, authz.Unbounded
		}
		return op
	}
	return incomplete(authz.Operation{Class: class, Collection: database, Object: path})
}

// milvusAsk is what a request asks for. It is read from JSON and from protobuf alike. Absent counts are negative.
type milvusAsk struct {
	database, collection string
	limit, group         int64
	queries              int64 // vectors, or entities, that are searched by
	ids                  int64 // entities by ID; of a query over gRPC absent where its expression has no bound
	fields               selection
	paged                bool // an iterator's page
	using                names
}

// field notes a field that is asked for: * is all of them, and % was once.
func (a *milvusAsk) field(name string) error {
	a.fields.add(name, strings.ContainsAny(name, "*%"))
	return nil
}

// qualified is the collection's name in an operation.
func (a *milvusAsk) qualified() string {
	if a.database == "" || a.database == "default" || a.collection == "" {
		return a.collection
	}
	return a.database + "." + a.collection
}

// named is the vector field that is searched by; where the collection has one only, it need not be said.
func (a *milvusAsk) named() string {
	if a.using.joined == "" && len(a.fields.known) == 1 {
		return a.fields.known[0]
	}
	return a.using.joined
}

// Body implements Dialect.
func (d Milvus) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	if m, ok := parseMilvusRPC(op.Object); ok {
		return d.message(m, op, body)
	}
	class, verb := parseMilvus("POST", op.Object)
	a := milvusAsk{fields: selection{known: d.Vectors}, database: op.Collection, limit: absent, group: absent, queries: absent, ids: absent}
	err := readObject(body, []string{"collectionName", "dbName", "data", "search", "annsField", "limit", "groupSize", "outputFields", "id", "ids"},
		func(r *reader, key string) error { return a.member(r, key, verb) })
	if err != nil {
		return op, err
	}
	out := op
	out.Collection, out.Documents, out.Vectors = a.qualified(), 0, 0
	switch {
	case class == authz.ClassSearch:
		out.Vector = a.named()
		out.Documents = product(product(max(a.queries, a.ids, 1), limited(a.limit, 100)), limited(max(a.group, 1), 1))
	case verb == "query":
		out.Documents = limited(a.limit, 100)
	case verb == "get":
		out.Documents = max(a.ids, 0)
	case class == authz.ClassWrite:
		out.Documents = max(a.queries, 0)
		if verb == "delete" {
			out.Documents = authz.Unbounded
		}
	}
	if class == authz.ClassRead && !a.fields.stated {
		a.fields.add("*", true) // all, by default
	}
	if class == authz.ClassRead || class == authz.ClassSearch {
		out.Vectors = product(out.Documents, a.fields.n)
	}
	out.Bytes, out.Complete = int64(len(body)), true
	return out, nil
}

// member reads a member of a request, or of one of the searches of a hybrid one.
func (a *milvusAsk) member(r *reader, key, verb string) (err error) {
	switch key {
	case "collectionName":
		a.collection, err = r.text(key)
	case "dbName":
		var name string
		if name, err = r.text(key); name != "" {
			a.database = name
		}
	case "data":
		return r.some(key, &a.queries)
	case "id", "ids":
		return r.some(key, &a.ids)
	case "limit":
		return r.limit(key, &a.limit)
	case "groupSize":
		return r.limit(key, &a.group)
	case "annsField":
		return a.using.addFrom(r, key)
	case "outputFields":
		return r.each(key, a.field)
	case "search":
		if verb != "hybrid_search" && verb != "advanced_search" {
			return r.skip()
		}
		return r.array(func() error {
			queries := a.queries
			a.queries = absent
			err := r.members([]string{"data", "annsField"}, func(r *reader, key string) error { return a.member(r, key, verb) })
			a.queries = max(a.queries, queries)
			return err
		})
	}
	return err
}

// some consumes a thing or an array of things, and adds their number to n; null is none.
func (r *reader) some(what string, n *int64) error {
	c, err := r.peek()
	switch {
	case err != nil:
		return err
	case c == 'n':
		return r.skip()
	case c != '[':
		*n = max(*n, 0) + 1
		return r.skip()
	}
	count, _, err := r.count(what)
	*n = max(*n, 0) + count
	return err
}

// Carries implements Dialect.
func (d Milvus) Carries(op authz.Operation) (scan.Format, []scan.Field) {
	if m, ok := parseMilvusRPC(op.Object); ok {
		return scan.FormatGRPC, m.carries(op)
	}
	switch op.Class {
	case authz.ClassSearch:
		return scan.FormatJSON, under(op.Vector, scan.EncodingFloats, "data[*]", "search[*].data[*]")
	case authz.ClassWrite:
		return scan.FormatJSON, d.columns("data[*].", "data.")
	}
	return "", nil
}

// columns is where the vector fields of entities stand.
func (d Milvus) columns(at ...string) []scan.Field {
	var out []scan.Field
	for _, name := range d.Vectors {
		for _, prefix := range at {
			out = append(out, scan.Field{Path: prefix + name, Encoding: scan.EncodingNested, Role: scan.RoleVector, Name: name})
		}
	}
	return out
}

// Answer implements Dialect.
func (d Milvus) Answer(op authz.Operation, _ authz.Response) Answer {
	if m, ok := parseMilvusRPC(op.Object); ok {
		return judgedGRPC(m.answer()...)
	}
	switch op.Class {
	case authz.ClassSearch:
		return judgedFields(append(d.columns("data[*]."), scoreAt("data[*].distance"), scoreAt("data[*].score"))...)
	case authz.ClassRead:
		return judgedFields(d.columns("data[*].")...)
	}
	return judged()
}
