package dialect

import (
	"strings"
	"unicode/utf8"
)

// gqlField is a field of a GraphQL selection, or, without a name, an inline fragment ("... on X").
type gqlField struct {
	alias, name string
	args        []gqlArg
	fields      []gqlField
}

// gqlArg is a named value. Of values only what policy may need is kept: of a list its strings, of an object its members.
type gqlArg struct {
	name    string
	scalar  string // an integer, word or string as written; "$" for a variable
	list    []string
	members []gqlArg
}

// arg returns the argument or member of that name.
func arg(args []gqlArg, name string) (gqlArg, bool) {
	for _, a := range args {
		if a.name == name {
			return a, true
		}
	}
	return gqlArg{}, false
}

// gqlReader reads a GraphQL document (October 2021 edition, §2), strictly: queries only. What renames or moves what is asked for beyond
// one place, named fragments, is refused.
type gqlReader struct {
	src   string
	depth int
}

// readGraphQL returns the root fields of all the operations of a document: which of them runs, another member of the request says.
func readGraphQL(src string) ([]gqlField, error) {
	g := &gqlReader{src: src}
	if !utf8.ValidString(src) {
		return nil, g.bad()
	}
	var out []gqlField
	for g.space(); g.src != ""; g.space() {
		if word, ok := g.name(); ok {
			if word != "query" {
				return nil, badBody("its GraphQL is no query, or has named fragments: write their fields out")
			}
			g.space()
			g.name()
			if err := g.variables(); err != nil {
				return nil, err
			}
			if err := g.directives(); err != nil {
				return nil, err
			}
		}
		fields, err := g.selection()
		if err != nil {
			return nil, err
		}
		out = append(out, fields...)
	}
	if len(out) == 0 {
		return nil, g.bad()
	}
	return out, nil
}

func (g *gqlReader) bad() error { return badBody("its GraphQL cannot be read") }

// space skips what has no meaning: white space, commas, comments, a byte order mark.
func (g *gqlReader) space() {
	for {
		g.src = strings.TrimLeft(g.src, " \t\r\n,\ufeff")
		if !strings.HasPrefix(g.src, "#") {
			return
		}
		end := strings.IndexAny(g.src, "\r\n")
		if end < 0 {
			end = len(g.src)
		}
		g.src = g.src[end:]
	}
}

// take consumes a punctuator, and the space before it.
func (g *gqlReader) take(punctuator string) bool {
	g.space()
	rest, ok := strings.CutPrefix(g.src, punctuator)
	g.src = rest
	return ok
}

// name consumes a name at the reader's place.
func (g *gqlReader) name() (string, bool) {
	n := 0
	for n < len(g.src) {
		c := g.src[n]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (n == 0 || c < '0' || c > '9') {
			break
		}
		n++
	}
	name := g.src[:n]
	g.src = g.src[n:]
	return name, n > 0
}

// variables skips variable definitions.
func (g *gqlReader) variables() error {
	if !g.take("(") {
		return nil
	}
	for !g.take(")") {
		if !g.take("$") {
			return g.bad()
		}
		if _, ok := g.name(); !ok || !g.take(":") {
			return g.bad()
		}
		for g.take("[") {
		}
		g.space()
		if _, ok := g.name(); !ok {
			return g.bad()
		}
		for g.take("]") || g.take("!") {
		}
		if g.take("=") {
			if _, err := g.value(); err != nil {
				return err
			}
		}
		if err := g.directives(); err != nil {
			return err
		}
	}
	return nil
}

// directives skips directives: they can only take fields away.
func (g *gqlReader) directives() error {
	for g.take("@") {
		if _, ok := g.name(); !ok {
			return g.bad()
		}
		if _, err := g.arguments(); err != nil {
			return err
		}
	}
	return nil
}

// deeper bounds nesting.
func (g *gqlReader) deeper() error {
	if g.depth++; g.depth > 64 {
		return badBody("its GraphQL is nested too deep")
	}
	return nil
}

// selection reads "{ … }".
func (g *gqlReader) selection() ([]gqlField, error) {
	if !g.take("{") {
		return nil, g.bad()
	}
	if err := g.deeper(); err != nil {
		return nil, err
	}
	var out []gqlField
	for !g.take("}") {
		f, err := g.field()
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	g.depth--
	if len(out) == 0 {
		return nil, g.bad()
	}
	return out, nil
}

func (g *gqlReader) field() (f gqlField, err error) {
	if g.take("...") {
		g.space()
		if word, ok := g.name(); ok {
			g.space()
			if _, typed := g.name(); word != "on" || !typed {
				return f, badBody("its GraphQL has named fragments: write their fields out")
			}
		}
		if err := g.directives(); err != nil {
			return f, err
		}
		f.fields, err = g.selection()
		return f, err
	}
	var ok bool
	if f.name, ok = g.name(); !ok {
		return f, g.bad()
	}
	if g.take(":") {
		g.space()
		f.alias = f.name
		if f.name, ok = g.name(); !ok {
			return f, g.bad()
		}
	}
	if f.args, err = g.arguments(); err != nil {
		return f, err
	}
	if err := g.directives(); err != nil {
		return f, err
	}
	if g.space(); strings.HasPrefix(g.src, "{") {
		f.fields, err = g.selection()
	}
	return f, err
}

// arguments reads "(name: value …)", if there is one.
func (g *gqlReader) arguments() ([]gqlArg, error) {
	if !g.take("(") {
		return nil, nil
	}
	return g.members(")")
}

// maxMembers is how many arguments a field, or members an object, may have.
const maxMembers = 1 << 8

// members reads "name: value" up to the closing punctuator. A name that stands twice could be read either way.
func (g *gqlReader) members(end string) ([]gqlArg, error) {
	var out []gqlArg
	for !g.take(end) {
		name, ok := g.name()
		if _, twice := arg(out, name); !ok || twice || len(out) == maxMembers || !g.take(":") {
			return nil, g.bad()
		}
		v, err := g.value()
		if err != nil {
			return nil, err
		}
		v.name = name
		out = append(out, v)
	}
	return out, nil
}

func (g *gqlReader) value() (v gqlArg, err error) {
	g.space()
	if g.src == "" {
		return v, g.bad()
	}
	switch c := g.src[0]; {
	case c == '$':
		g.src = g.src[1:]
		_, ok := g.name()
		v.scalar = "$"
		return v, firstBad(ok, g)
	case c == '"':
		v.scalar, err = g.text()
		return v, err
	case c == '[':
		return g.listValue()
	case c == '{':
		if err := g.deeper(); err != nil {
			return v, err
		}
		g.src = g.src[1:]
		v.members, err = g.members("}")
		g.depth--
		return v, err
	case c == '-' || c >= '0' && c <= '9':
		n := 0
		for n < len(g.src) && strings.IndexByte("+-.0123456789eE", g.src[n]) >= 0 {
			n++
		}
		v.scalar, g.src = g.src[:n], g.src[n:]
		return v, nil
	}
	var ok bool
	v.scalar, ok = g.name()
	return v, firstBad(ok, g)
}

func firstBad(ok bool, g *gqlReader) error {
	if ok {
		return nil
	}
	return g.bad()
}

// listValue reads "[…]" and keeps its strings.
func (g *gqlReader) listValue() (v gqlArg, err error) {
	if err := g.deeper(); err != nil {
		return v, err
	}
	g.src = g.src[1:]
	for !g.take("]") {
		if g.src == "" {
			return v, g.bad()
		}
		text := g.src[0] == '"'
		e, err := g.value()
		if err != nil {
			return v, err
		}
		if text {
			v.list = append(v.list, e.scalar)
		}
	}
	g.depth--
	return v, nil
}

// text reads a string or a block string. Escapes are kept as written: names that matter have none.
func (g *gqlReader) text() (string, error) {
	if rest, ok := strings.CutPrefix(g.src, `"""`); ok {
		for at := 0; ; {
			end := strings.Index(rest[at:], `"""`)
			if end < 0 {
				return "", g.bad()
			}
			if end += at; end > 0 && rest[end-1] == '\\' {
				at = end + 3
				continue
			}
			g.src = rest[end+3:]
			return rest[:end], nil
		}
	}
	for n := 1; n < len(g.src); n++ {
		switch g.src[n] {
		case '\\':
			n++
		case '\n', '\r':
			return "", g.bad()
		case '"':
			s := g.src[1:n]
			g.src = g.src[n+1:]
			return s, nil
		}
	}
	return "", g.bad()
}
