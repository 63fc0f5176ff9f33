package dialect

import (
	"bytes"
	"slices"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// elasticAsk is what searches and gets ask for, summed up.
type elasticAsk struct {
	d             Elastic
	size          string // parameters of the URL
	docs, vectors int64
	paged         bool
	using         names
	indices       names
	sorted        bool // by score, so that what hits are sorted by tells it
	computed      bool // scripts, or a query in a language, may put scores anywhere
	scripted      bool // scripts write what they like of a document into the answer: a vector too, a component to a name
}

// Body implements Dialect.
func (d Elastic) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	path, kept, _ := strings.Cut(op.Object, "?")
	a := elasticAsk{d: d, size: kept}
	out := op
	var err error
	switch parseElastic("POST", path).reads {
	case elasticSearch:
		if err = a.indices.add(op.Collection); err == nil {
			err = readDocument(orEmpty(body), a.search)
		}
	case elasticSearches:
		err = a.searches(op.Collection, body)
	case elasticGets:
		err = a.gets(op.Collection, body)
	case elasticSQL, elasticESQL:
		err = a.table(body, parseElastic("POST", path).reads)
		a.indices = names{joined: op.Collection, n: 1}
	}
	if err != nil {
		return op, err
	}
	out.Documents, out.Vectors = a.docs, a.vectors
	out.Collection, out.Vector = a.indices.joined, a.using.joined
	if a.paged {
		out.Class = authz.ClassExport
	}
	out.Object = a.marked(out.Object)
	if a.scripted && len(d.Vectors) > 0 { // nobody can tell what a script answers: an operation that is not known
		out.Class, out.Documents, out.Vectors = authz.ClassUnknown, authz.Unbounded, authz.Unbounded
	}
	out.Bytes, out.Complete = int64(len(body)), true
	return out, nil
}

const (
	// elasticSorted and elasticComputed are parameters of an operation's object that say where its answer may tell scores: see elasticAsk.
	elasticSorted   = "sort=_score"
	elasticComputed = "computed"
)

// marked adds to an operation's object where its answer may tell scores.
func (a *elasticAsk) marked(object string) string {
	add := func(mark string) {
		separator := "?"
		if strings.Contains(object, "?") {
			separator = "&"
		}
		object += separator + mark
	}
	if a.sorted {
		add(elasticSorted)
	}
	if a.computed {
		add(elasticComputed)
	}
	return object
}

// span consumes a value, whatever it is, and returns its text.
func (r *reader) span() ([]byte, error) {
	if _, err := r.peek(); err != nil {
		return nil, err
	}
	start := r.at
	err := r.skip()
	return r.src[start:r.at], err
}

// byScore reports whether an order is one by score, or by a script, as far as its text shows it: what is escaped may be.
func byScore(order []byte) bool {
	return bytes.Contains(order, []byte("_score")) || bytes.Contains(order, []byte("_script")) || bytes.IndexByte(order, '\\') >= 0
}

// orEmpty is the body; without one, parameters say everything.
func orEmpty(body []byte) []byte {
	if len(body) == 0 {
		return []byte("{}")
	}
	return body
}

// search reads one search request.
func (a *elasticAsk) search(r *reader) error {
	size, unbounded := absent, false
	s := elasticSource{selection: selection{known: a.d.Vectors}}
	err := r.members([]string{
		"size", "_source", "fields", "stored_fields", "docvalue_fields", "script_fields", "runtime_mappings", "aggs", "aggregations", "suggest", "pit",
		"search_after", "slice", "knn", "query", "retriever", "collapse", "post_filter", "rescore", "ext", "sort",
	}, func(r *reader, key string) error {
		switch key {
		case "size":
			return r.limit(key, &size)
		case "_source":
			return s.source(r)
		case "fields", "docvalue_fields", "stored_fields":
			return s.fields(r, key)
		case "sort":
			order, err := r.span()
			a.sorted = a.sorted || byScore(order)
			return err
		case "script_fields", "runtime_mappings": // whatever their scripts make of a document
			a.computed, a.scripted = true, true
			return r.object(func() error {
				s.extra++
				return r.skip()
			})
		case "pit", "search_after", "slice":
			c, err := r.peek()
			a.paged = a.paged || c != 'n'
			return firstOf(err, r.skip)
		}
		aggregates := key == "aggs" || key == "aggregations"
		return r.walk(func() (bool, error) {
			if aggregates && string(r.key) == "script" {
				a.computed, a.scripted = true, true
			}
			return a.inside(r, &unbounded)
		})
	})
	if err != nil {
		return err
	}
	limit := s.parameters(a.size)
	docs := max(size, limit)
	switch {
	case unbounded:
		docs = authz.Unbounded
	case docs != 0: // none is what is often wanted, beside an aggregation
		docs = limited(docs, 10)
	}
	a.docs, a.vectors = sum(a.docs, docs), sum(a.vectors, product(docs, s.vectors()))
	return nil
}

// inside looks at a member at any depth of a query or an aggregation: what brings documents beside the hits has no bound here, and fields
// of vectors are what is searched by.
func (a *elasticAsk) inside(r *reader, unbounded *bool) (done bool, err error) {
	switch string(r.key) {
	case "script_fields", "runtime_mappings", "scripted_metric":
		a.computed, a.scripted = true, true
		*unbounded = *unbounded || string(r.key) == "scripted_metric"
	case "sort":
		order, err := r.span()
		a.sorted = a.sorted || byScore(order)
		return true, err
	case "top_hits", "top_metrics", "inner_hits", "completion":
		*unbounded = true
	case "field":
		c, err := r.peek()
		if err != nil || c != '"' {
			return false, err
		}
		raw, err := r.raw()
		if err != nil {
			return true, err
		}
		if name := string(bytes.Trim(raw, `"`)); slices.Contains(a.d.Vectors, name) {
			return true, a.using.add(name)
		}
		return true, nil
	default:
		if slices.Contains(a.d.Vectors, string(r.key)) {
			return false, a.using.add(string(r.key))
		}
	}
	return false, nil
}

// walk consumes the value at the reader's place and calls member for every member of every object in it. Where member reports that it
// consumed the value, its inside is not looked at.
func (r *reader) walk(member func() (done bool, err error)) error {
	c, err := r.peek()
	switch {
	case err != nil:
		return err
	case c == '{':
		return r.object(func() error {
			done, err := member()
			if err != nil || done {
				return err
			}
			return r.walk(member)
		})
	case c != '[':
		return r.skip()
	}
	if err := r.enter('['); err != nil {
		return err
	}
	for {
		n, _ := r.lex.Numbers(r.src[r.at:])
		r.at += n
		ev, err := r.next()
		if err != nil || ev == scan.End {
			return err
		}
		if err := r.walk(member); err != nil {
			return err
		}
	}
}

// searches reads a multi-search: lines by turns of where to search and what for.
func (a *elasticAsk) searches(index string, body []byte) error {
	var header bool
	for n, line := range bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n")) {
		header = n%2 == 0
		line = bytes.TrimSuffix(line, []byte("\r"))
		if !header {
			if err := readDocument(line, a.search); err != nil {
				return err
			}
			continue
		}
		own := names{}
		err := readObject(orEmpty(line), []string{"index", "indices"}, func(r *reader, key string) error { return own.someFrom(r, key) })
		if err != nil {
			return err
		}
		if own.n == 0 {
			own.joined = index
		}
		if err := a.indices.add(own.joined); err != nil {
			return err
		}
	}
	if header {
		return badBody("it ends with the head of a search")
	}
	return nil
}

// someFrom adds the string at the reader's place, or the strings.
func (l *names) someFrom(r *reader, what string) error {
	c, err := r.peek()
	if err != nil || c != '[' {
		return firstOf(err, func() error { return l.addFrom(r, what) })
	}
	return r.each(what, l.add)
}

// gets reads a multi-get: documents by index and ID, or IDs.
func (a *elasticAsk) gets(index string, body []byte) error {
	whole := elasticSource{selection: selection{known: a.d.Vectors}}
	whole.parameters(a.size)
	return readObject(body, []string{"docs", "ids"}, func(r *reader, key string) error {
		if key == "ids" {
			n, _, err := r.count(key)
			a.docs, a.vectors = sum(a.docs, n), sum(a.vectors, product(n, whole.vectors()))
			return firstOf(err, func() error { return a.indices.add(index) })
		}
		return r.array(func() error {
			s, own := whole, names{}
			stated := false
			err := r.members([]string{"_index", "_source", "stored_fields"}, func(r *reader, key string) error {
				switch key {
				case "_index":
					return own.addFrom(r, key)
				case "_source":
					stated = true
					s = elasticSource{selection: selection{known: a.d.Vectors}}
					return s.source(r)
				}
				return s.fields(r, key)
			})
			if err != nil {
				return err
			}
			n := s.vectors()
			if stated && !whole.unstated() { // parameters and body: whichever says more
				n = max(n, whole.vectors())
			}
			a.docs, a.vectors = sum(a.docs, 1), sum(a.vectors, n)
			if own.n == 0 {
				own.joined = index
			}
			return a.indices.add(own.joined)
		})
	})
}

// table reads a query in a language. Of its text only this is looked for: words that scores are asked for with, which may come under any
// name then, and words that a vector is taken apart with. A vector may have any name in the answer: it is found as what nobody declared, and
// counted so, under every mask. What follows an earlier page does not say them again. A page of SQL has fetch_size rows (1000), an answer of ES|QL has 10 000 at
// most unless the cluster allows more.
func (a *elasticAsk) table(body []byte, reads elasticReads) error {
	size := absent
	err := readObject(body, []string{"query", "params", "cursor", "fetch_size"}, func(r *reader, key string) error {
		switch key {
		case "cursor":
			a.paged, a.computed = true, true
		case "fetch_size":
			return r.limit(key, &size)
		}
		text, err := r.span()
		text = bytes.ToLower(text)
		for _, word := range [...]string{"score", "v_", `\u`} { // SCORE(), _score, V_COSINE …, and whatever is hidden
			a.computed = a.computed || bytes.Contains(text, []byte(word))
		}
		for _, word := range [...]string{"mv_", `\u`} { // MV_SLICE takes a vector apart
			a.scripted = a.scripted || bytes.Contains(text, []byte(word))
		}
		return err
	})
	if a.docs = limited(size, 1000); reads == elasticESQL {
		a.docs = 10_000
	}
	s := elasticSource{selection: selection{known: a.d.Vectors}}
	a.vectors = product(a.docs, s.vectors())
	return err
}
