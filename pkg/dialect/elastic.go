package dialect

import (
	"slices"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// Elastic is the API of Elasticsearch and OpenSearch, as far as it reads, searches and writes documents. Source: their REST references.
//
// Which fields are vectors only the index's mapping knows: Vectors says it here. Without it whatever a request selects may be a vector,
// and one vector is taken for all that a document has. Answers are JSON: other formats (cbor, smile, yaml, csv, arrow) are not known here,
// and neither are templates, whose search nobody sees. The collection is the index expression as written, "_all" where there is none.
type Elastic struct {
	// Vectors are the names of vector fields (authz.Target.Vectors), with dots as in a mapping.
	Vectors []string
}

// Name implements Dialect.
func (Elastic) Name() string { return "elastic" }

// elasticReads says what a request's body is read for.
type elasticReads uint8

const (
	elasticNothing  elasticReads = iota
	elasticDocument              // one document, in the path: parameters say what of it
	elasticSearch
	elasticSearches // many, in NDJSON
	elasticGets     // documents by ID
	elasticSQL
	elasticESQL
)

// elasticRequest is what a request's method and path say.
type elasticRequest struct {
	class authz.Class
	reads elasticReads
	index string
	plain bool // its answer is text, and holds no documents
	lines bool // its body is NDJSON
	whole bool // nothing bounds its answer
}

// parseElastic reads method and path; class is unknown for what is not known.
func parseElastic(method, path string) (q elasticRequest) {
	q.class = authz.ClassUnknown
	rest := strings.TrimPrefix(path, "/")
	if !strings.HasPrefix(rest, "_") && rest != "" {
		q.index, rest, _ = strings.Cut(rest, "/")
	}
	action, below, _ := strings.Cut(rest, "/")
	read, post, put := method == "GET" || method == "HEAD", method == "POST", method == "PUT"
	switch action {
	case "_search":
		q.search(method, below)
	case "_async_search":
		switch {
		case below == "" && post:
			q.class, q.reads = authz.ClassSearch, elasticSearch
		case below != "" && read && !strings.Contains(below, "/"): // what an earlier search found
			q.class, q.whole = authz.ClassSearch, true
		case below != "" && (read || method == "DELETE"):
			q.class = authz.ClassList
		}
	case "_msearch":
		if below == "" && (read || post) {
			q.class, q.reads, q.lines = authz.ClassSearch, elasticSearches, true
		}
	case "_mget":
		if below == "" && (read || post) {
			q.class, q.reads = authz.ClassRead, elasticGets
		}
	case "_doc", "_source":
		switch {
		case below != "" && read:
			q.class, q.reads = authz.ClassRead, elasticDocument
		case post || put || method == "DELETE":
			q.class = authz.ClassWrite
		}
	case "_create", "_update", "_update_by_query", "_delete_by_query", "_refresh":
		if post || put {
			q.class = authz.ClassWrite
		}
	case "_bulk":
		if post || put {
			q.class, q.lines = authz.ClassWrite, true
		}
	case "_pit":
		switch {
		case post:
			q.class = authz.ClassExport
		case method == "DELETE":
			q.class = authz.ClassList
		}
	case "_sql", "_query", "_plugins":
		q.query(method, rest)
	default:
		q.other(method, action, below)
	}
	if q.index == "" && q.class != authz.ClassList && q.class != authz.ClassAdmin && q.class != authz.ClassUnknown {
		q.index = "_all"
	}
	return q
}

// search reads what stands below _search.
func (q *elasticRequest) search(method, below string) {
	read, post := method == "GET", method == "POST"
	below, _, _ = strings.Cut(below, "/")
	switch {
	case below == "" && (read || post):
		q.class, q.reads = authz.ClassSearch, elasticSearch
	case below == "scroll" && (read || post): // the next page of an earlier search
		q.class, q.whole = authz.ClassExport, true
	case below == "point_in_time" && post:
		q.class = authz.ClassExport
	case (below == "scroll" || below == "point_in_time") && (read || method == "DELETE"):
		q.class = authz.ClassList
	}
}

// query reads the paths of query languages.
func (q *elasticRequest) query(method, rest string) {
	switch {
	case method == "POST" && (rest == "_sql" || rest == "_plugins/_sql" || rest == "_plugins/_ppl"):
		q.class, q.reads = authz.ClassRead, elasticSQL
	case method == "POST" && (rest == "_query" || rest == "_query/async"):
		q.class, q.reads = authz.ClassRead, elasticESQL
	case method == "GET" && (strings.HasPrefix(rest, "_query/async/") || strings.HasPrefix(rest, "_sql/async/")):
		q.class, q.whole = authz.ClassRead, true
	case rest == "_sql/translate" || rest == "_sql/close" || rest == "_plugins/_sql/close":
		q.class = authz.ClassList
	}
}

// other reads the paths of what is about indices and the cluster, not about documents.
func (q *elasticRequest) other(method, action, below string) {
	read := method == "GET" || method == "HEAD"
	switch action {
	case "_cat":
		if method == "GET" {
			q.class, q.plain = authz.ClassList, true
		}
	case "_count", "_field_caps", "_search_shards", "_validate", "_resolve":
		if read || method == "POST" {
			q.class = authz.ClassList
		}
	case "_snapshot", "_slm":
		switch {
		case read:
			q.class = authz.ClassList
		case method == "DELETE" || strings.HasSuffix(below, "/_restore") || strings.HasSuffix(below, "/_mount"):
			q.class = authz.ClassAdmin
		case method == "PUT" || method == "POST":
			q.class, q.whole = authz.ClassExport, true
		}
	case "", "_mapping", "_mappings", "_settings", "_alias", "_aliases", "_stats", "_segments", "_recovery", "_ilm", "_cluster", "_nodes", "_tasks",
		"_data_stream", "_index_template", "_component_template", "_template", "_ingest", "_scripts", "_security", "_license", "_xpack", "_remote",
		"_health_report", "_features", "_flush", "_forcemerge", "_open", "_close", "_clone", "_split", "_shrink", "_rollover", "_block", "_cache", "_reindex":
		switch {
		case read:
			q.class = authz.ClassList
		case action == "" && method == "POST": // of no meaning
		default:
			q.class = authz.ClassAdmin
		}
	}
}

// NeedsBody implements Dialect. Bodies of writes are not read: they may be large, and nothing in them leaves.
func (Elastic) NeedsBody(method, path string) bool {
	return parseElastic(method, path).reads >= elasticSearch
}

// Head implements Dialect. Parameters that say what is asked for stay with the operation's object: they go together with the body's.
func (d Elastic) Head(method, path, query string, h authz.Header) authz.Operation {
	q := parseElastic(method, path)
	kept, ok := elasticParameters(query, q.plain)
	if q.class == authz.ClassUnknown || overridesMethod(h) || !ok || !elasticAccepts(h, q.plain) {
		op := unknown()
		op.Collection = q.index
		return op
	}
	op := authz.Operation{Class: q.class, Collection: q.index, Object: path, Complete: true}
	switch {
	case q.whole:
		op.Documents, op.Vectors = authz.Unbounded, authz.Unbounded
	case q.reads == elasticDocument:
		s := elasticSource{selection: selection{known: d.Vectors}}
		s.parameters(kept)
		op.Documents, op.Vectors = 1, s.vectors()
	case q.class == authz.ClassWrite: // an update may be answered with the document
		op.Documents = authz.Unbounded
	case q.reads != elasticNothing:
		if op.Class == authz.ClassSearch && strings.Contains(kept, "scroll=") {
			op.Class = authz.ClassExport
		}
		if kept != "" {
			op.Object += "?" + kept
		}
		return incomplete(op)
	}
	return op
}

// elasticAccepts reports whether the answer will be JSON: the first format that the server has is sent, and it has many.
func elasticAccepts(h authz.Header, plain bool) bool {
	for _, line := range h["accept"] {
		for t := range strings.SplitSeq(line, ",") {
			t, _, _ = strings.Cut(t, ";")
			switch strings.ToLower(strings.TrimSpace(t)) {
			case "", "*/*", "application/*", "application/json", "application/vnd.elasticsearch+json":
			case "text/plain":
				if !plain {
					return false
				}
			default:
				return false
			}
		}
	}
	return true
}

// elasticParameters returns the parameters that say what is asked for, and whether all can be read in one way only and leave the answer
// JSON. A parameter "source" is a body, which would be another than the one that is read.
func elasticParameters(query string, plain bool) (kept string, ok bool) {
	seen := 0
	var b strings.Builder
	ok = parameters(query, func(name, value string) bool {
		switch name {
		case "source", "source_content_type":
			return false
		case "format":
			return value == "json" || plain
		case "size", "scroll", "_source", "_source_includes", "_source_excludes", "_source_include", "_source_exclude", "_source_exclude_vectors",
			"stored_fields", "docvalue_fields":
			if seen++; seen > 10 || strings.Contains(b.String(), "&"+name+"=") || strings.ContainsAny(value, "&=") || b.Len()+len(value) > maxNames {
				return false
			}
			b.WriteString("&" + name + "=" + value)
		case "sort":
			if byScore([]byte(value)) && !strings.Contains(b.String(), elasticSorted) {
				b.WriteString("&" + elasticSorted)
			}
		}
		return true
	})
	return strings.TrimPrefix(b.String(), "&"), ok
}

// Carries implements Dialect. What searches names its vector query_vector, and vector in OpenSearch.
func (d Elastic) Carries(op authz.Operation) (scan.Format, []scan.Field) {
	path, _, _ := strings.Cut(op.Object, "?")
	q, format := parseElastic("POST", path), scan.FormatJSON
	if q.lines {
		format = scan.FormatNDJSON
	}
	switch {
	case q.reads == elasticSearch || q.reads == elasticSearches:
		return format, under(op.Vector, scan.EncodingFloats, "**.query_vector", "**.vector")
	case op.Class == authz.ClassWrite:
		return format, d.fields()
	}
	return "", nil
}

// fields is where vector fields stand: anywhere, because documents come in many places of many answers.
func (d Elastic) fields() []scan.Field {
	out := make([]scan.Field, 0, len(d.Vectors)+2)
	for _, name := range d.Vectors {
		leaf := name[strings.LastIndexByte(name, '.')+1:]
		if i := slices.IndexFunc(out, func(f scan.Field) bool { return f.Path == "**."+leaf }); i >= 0 {
			out[i].Others = append(out[i].Others, name)
			continue
		}
		out = append(out, scan.Field{Path: "**." + leaf, Encoding: scan.EncodingNested, Role: scan.RoleVector, Name: name})
	}
	return out
}

// Answer implements Dialect. An explanation tells the score in many words; so does what hits were sorted by, where that is the score; names
// of queries come with scores where that is asked for. What scripts and query languages make of scores may stand anywhere.
func (d Elastic) Answer(op authz.Operation, _ authz.Response) Answer {
	a := judged()
	switch op.Class {
	case authz.ClassSearch, authz.ClassExport, authz.ClassRead:
		path, said, _ := strings.Cut(op.Object, "?")
		a.Fields = append(d.fields(), scoreAt("**._score"), scoreAt("**.max_score"), scoreWordsAt("**._explanation"), scoreWordsAt("**.matched_queries"))
		if strings.Contains(said, elasticSorted) {
			a.Fields = append(a.Fields, scoreWordsAt("**.sort"))
		}
		a.MoreScores = strings.Contains(said, elasticComputed) || parseElastic("GET", path).whole || parseElastic("POST", path).whole
	case authz.ClassWrite:
		a.Fields = d.fields()
	case authz.ClassList:
		if strings.HasPrefix(op.Object, "/_cat/") || op.Object == "/_cat" { // tables of names and sizes
			return Answer{}
		}
	}
	a.ContentTypes = append(a.ContentTypes, "application/vnd.elasticsearch+json")
	return a
}
