package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/target"
)

const whyListener = "whoever reaches this port can act as Envoy, ask about anything and use up other people's limits: use 127.0.0.1 or unix:///path, " +
	"or set listen.tls cert, key, client_ca and peers, or accept it with listen.insecure_listener: true"

func (c *Config) checkListen(r *report) {
	l := &c.Listen
	mutual := l.TLS.Cert != "" && l.TLS.Key != "" && l.TLS.ClientCA != "" && len(l.TLS.Peers) > 0
	path, unix := strings.CutPrefix(l.GRPC, "unix://")
	switch local, err := loopback(l.GRPC); {
	case unix && !strings.HasPrefix(path, "/"):
		r.add("listen.grpc", "%q: want unix:// and an absolute path, such as unix:///run/weir/weir.sock", l.GRPC)
	case unix:
	case err != nil:
		r.add("listen.grpc", "%q: want host:port or unix:///path", l.GRPC)
	case !local && !mutual && !l.InsecureListener:
		r.add("listen.grpc", "%s can be reached from other hosts without mutual TLS: %s", l.GRPC, whyListener)
	}
	switch local, err := loopback(l.Admin); {
	case err != nil:
		r.add("listen.admin", "%q: want host:port", l.Admin)
	case !local && !l.InsecureListener:
		r.add("listen.admin", "%s can be reached from other hosts, and whoever reaches it sees who is refused what: use 127.0.0.1, "+
			"or accept it with listen.insecure_listener: true", l.Admin)
	case l.Admin == l.GRPC && !strings.HasSuffix(l.Admin, ":0"):
		r.add("listen.admin", "is the address of listen.grpc")
	}
	c.checkTLS(r)
}

func (c *Config) checkTLS(r *report) {
	t := &c.Listen.TLS
	if (t.Cert == "") != (t.Key == "") {
		r.add("listen.tls", "cert and key belong together")
	}
	if (t.ClientCA == "") != (len(t.Peers) == 0) {
		r.add("listen.tls", "client_ca and peers belong together: an authority signs for many, and only Envoys may ask")
	}
	if t.Cert == "" && (t.ClientCA != "" || len(t.Peers) > 0) {
		r.add("listen.tls", "client_ca and peers need cert and key")
	}
	for i, p := range t.Peers {
		if !validPeer(p) {
			r.add(fmt.Sprintf("listen.tls.peers[%d]", i), "%q: want spiffe://trust-domain/path or a DNS name, no wildcard", p)
		}
	}
}

// validPeer reports whether p is a SPIFFE ID (SPIFFE-ID §2) or a DNS name.
func validPeer(p string) bool {
	if !strings.HasPrefix(p, "spiffe://") {
		host, err := target.CanonicalHost(p)
		return err == nil && host == p && !strings.HasPrefix(p, "[")
	}
	u, err := url.Parse(p)
	return err == nil && u.Host != "" && u.Port() == "" && u.User == nil && len(u.Path) > 1 && u.RawQuery == "" && u.Fragment == ""
}

// loopback reports whether a host:port is reachable from this host only.
func loopback(address string) (bool, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false, err
	}
	if _, err := net.LookupPort("tcp", port); err != nil || port == "" {
		return false, errors.New("no port")
	}
	return loopbackHost(host), nil
}

func loopbackHost(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback() || host == "localhost"
}

func (c *Config) checkReplica(r *report) {
	if c.Replica == "" {
		c.Replica, _ = os.Hostname() // the guard makes it fit; a host without a name is "weir"
		return
	}
	if len(c.Replica) > 24 || strings.Trim(c.Replica, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		r.add("replica", "%q: want 1 to 24 lower-case letters, digits and '-'", c.Replica)
	}
}

func (c *Config) checkTargets(r *report) {
	if len(c.Targets) == 0 && c.Default != "observe" {
		r.add("targets", "is missing: with default: deny everything would be refused")
	}
	names := map[string]int{}
	for i := range c.Targets {
		key := fmt.Sprintf("targets[%d]", i)
		c.checkTarget(r, key, &c.Targets[i])
		if first, twice := names[c.Targets[i].Name]; twice && c.Targets[i].Name != "" {
			r.add(key+".name", "%q is there twice, first as targets[%d]", c.Targets[i].Name, first)
			continue
		}
		names[c.Targets[i].Name] = i
	}
	if slices.ContainsFunc(r.found, func(p Problem) bool { return strings.HasPrefix(p.Key, "targets") }) {
		return // a table of what is half wrong would say nothing new
	}
	_, err := target.New(c.TargetTable())
	for _, e := range unjoin(err) {
		var tie *target.TieError
		if errors.As(e, &tie) {
			r.add(fmt.Sprintf("targets[%d].paths", names[tie.Second]), "%v", e)
			continue
		}
		r.add("targets", "%v", e)
	}
}

// unjoin takes an errors.Join apart.
func unjoin(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

func (c *Config) checkTarget(r *report, key string, t *Target) {
	if t.Name == "" {
		r.add(key+".name", "is missing")
	} else if err := target.CheckName(t.Name); err != nil {
		r.add(key+".name", "%v", err)
	}
	if t.Kind == "" {
		r.add(key+".kind", "is missing: want inference, vectordb, corpus, weights, registry or config")
	} else if !t.Kind.Valid() {
		r.add(key+".kind", "%q is not known", t.Kind)
	}
	c.checkDialect(r, key, t)
	checkVectors(r, key, t)
	checkPrimaryKeys(r, key, t)
	if t.CorpusDocuments > 0 && t.Kind != authz.KindCorpus {
		r.add(key+".corpus_documents", "is of use for kind corpus only")
	}
	if t.Floors.Mask != authz.MaskUnset && !t.Floors.Mask.Valid() {
		r.add(key+".floors.mask", "%q is not known", t.Floors.Mask)
	} else if t.Floors.Mask != authz.MaskUnset && t.Floors.Mask != authz.MaskNone && !dialect.ReadsAnswers(dialect.ForTarget(authz.Target{Kind: t.Kind, Dialect: t.Dialect})) {
		r.add(key+".floors.mask", "nothing would be masked: answers of dialect %s are not read for vectors where kind is %s; where they may hold some, it is inference or vectordb", t.Dialect, t.Kind)
	}
	if !t.Floors.Record.Valid() {
		r.add(key+".floors.record", "%q is not known", t.Floors.Record)
	}
	for i, h := range t.Hosts {
		if err := target.CheckHost(h); err != nil {
			r.add(fmt.Sprintf("%s.hosts[%d]", key, i), "%v", err)
		}
	}
	for i, p := range t.Paths {
		if err := target.CheckPath(p); err != nil {
			r.add(fmt.Sprintf("%s.paths[%d]", key, i), "%v", err)
		}
	}
}

func (c *Config) checkDialect(r *report, key string, t *Target) {
	if t.Dialect == "" {
		t.Dialect = dialectFor(t.Kind)
	}
	d, known := dialect.ByName(t.Dialect)
	reads := known && slices.Contains(reading(), d.Name())
	switch {
	case t.Dialect == "": // of a kind that needs one
		r.add(key+".dialect", "is missing: the answers of %s hold vectors and must be read; want %s", t.Kind, or(reading()))
	case !known:
		text := fmt.Sprintf("%q is not known: want %s", t.Dialect, or(dialect.Names()))
		if near := Nearest(t.Dialect, dialect.Names()); near != "" {
			text += fmt.Sprintf("; did you mean %s?", near)
		}
		r.add(key+".dialect", "%s", text)
	case !reads && dialectFor(t.Kind) == "" && t.Kind.Valid():
		r.add(key+".dialect", "%s does not read answers, and those of %s hold vectors: want %s", t.Dialect, t.Kind, or(reading()))
	}
}

// checkVectors checks the names of what holds vectors: they become steps of field paths.
func checkVectors(r *report, key string, t *Target) {
	if len(t.Vectors) > 8 {
		r.add(key+".vectors", "want at most 8")
	}
	if d, known := dialect.ByName(t.Dialect); known && len(t.Vectors) > 0 && !dialect.TakesNames(d) {
		r.add(key+".vectors", "is of no use: dialect %s itself says where vectors are", t.Dialect)
	}
	for i, v := range t.Vectors {
		key := fmt.Sprintf("%s.vectors[%d]", key, i)
		switch {
		case v == "" || len(v) > 128 || strings.ContainsAny(v, "*[],") || strings.ContainsFunc(v, unicode.IsControl):
			r.add(key, "%q: want the name of a field, column or vector, of 1 to 128 characters and none of * [ ] ,", v)
		case strings.HasPrefix(v, ".") || strings.HasSuffix(v, ".") || strings.Contains(v, ".."):
			r.add(key, "%q: want a name between the dots", v)
		case slices.Contains(t.Vectors[:i], v):
			r.add(key, "%q is there twice", v)
		}
	}
}

// checkPrimaryKeys checks the names of primary keys.
func checkPrimaryKeys(r *report, key string, t *Target) {
	if len(t.PrimaryKeys) > 8 {
		r.add(key+".primary_keys", "want at most 8")
	}
	if len(t.PrimaryKeys) > 0 && t.Dialect != "milvus" {
		r.add(key+".primary_keys", "is of use for dialect milvus only")
	}
	for i, v := range t.PrimaryKeys {
		if !dialect.MilvusName(v) {
			r.add(fmt.Sprintf("%s.primary_keys[%d]", key, i), "%q: want the name of a field: letters, digits and _, no digit first", v)
		}
	}
}

// reading lists the dialects that read answers; those of stores measure them.
func reading() []string {
	return slices.DeleteFunc(dialect.Names(), func(n string) bool {
		d, _ := dialect.ByName(n)
		return !dialect.ReadsAnswers(d)
	})
}

func (c *Config) checkSizes(r *report) {
	l, a := &c.Limits, &c.Audit
	if l.RequestBodyBytesPerSubject < l.RequestBodyBytes {
		r.add("limits.request_body_bytes_per_subject", "is %s, less than request_body_bytes (%s): no body of that size could be read",
			l.RequestBodyBytesPerSubject, l.RequestBodyBytes)
	}
	if l.RequestBodyBytesTotal < l.RequestBodyBytesPerSubject {
		r.add("limits.request_body_bytes_total", "is %s, less than request_body_bytes_per_subject (%s)", l.RequestBodyBytesTotal, l.RequestBodyBytesPerSubject)
	}
	if a.MaxBytes < 2*a.SegmentBytes {
		r.add("audit.max_bytes", "is %s, less than two segments of %s", a.MaxBytes, a.SegmentBytes)
	}
}
