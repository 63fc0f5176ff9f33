package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"
)

// settingsFile is where a policy keeps its own settings, and every key that there is. A rule's directory may have one of its own, so that
// rule, numbers and test are copied as one.
const settingsFile = "settings.yaml"

// ownSettings joins the settings files of a policy. Two of them may not say the same first key: which one counts would depend on names of
// directories. It returns the zero node where there are none.
func ownSettings(dir fs.FS) (yaml.Node, error) {
	var all yaml.Node
	at := map[string]string{} // first key → file
	_, data, err := readDocuments(dir)
	if err != nil {
		return yaml.Node{}, err
	}
	if data != nil {
		b, err := json.Marshal(data)
		if err != nil {
			return yaml.Node{}, err
		}
		if err := yaml.Unmarshal(b, &all); err != nil {
			return yaml.Node{}, err
		}
		for key := range data {
			at[key] = "data.weir.settings"
		}
	}
	err = eachSettings(dir, func(path string, one *yaml.Node) error {
		if one.Kind != yaml.MappingNode {
			return fmt.Errorf("the policy's %s:%d: want keys and values", path, one.Line)
		}
		for i := 0; i < len(one.Content); i += 2 {
			key := one.Content[i]
			if first, ok := at[key.Value]; ok {
				return fmt.Errorf("the policy's %s:%d: %s is said in %s too", path, key.Line, key.Value, first)
			}
			at[key.Value] = path
		}
		if all.Kind == 0 {
			all = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{one}}
		} else {
			all.Content[0].Content = append(all.Content[0].Content, one.Content...)
		}
		return nil
	})
	if err != nil {
		return yaml.Node{}, fmt.Errorf("read the policy: %w", err)
	}
	return all, nil
}

// mergeSettings lays the operator's settings over those of the policy. A key that the policy does not have is a mistake; a policy without
// a settings file takes them as they are.
func mergeSettings(cfg Config) (map[string]any, error) {
	name := cfg.Name
	into, err := ownSettings(cfg.FS)
	if err != nil {
		return nil, err
	}
	var over yaml.Node
	if err := yaml.Unmarshal(cfg.Settings, &over); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	switch {
	case over.Kind == 0, over.Content[0].Tag == "!!null": // nothing said, or comments only
	case into.Kind == 0:
		into = over
	default:
		if err := errors.Join(lay(into.Content[0], over.Content[0], name, "")...); err != nil {
			return nil, err
		}
	}
	if into.Kind == 0 {
		return map[string]any{}, nil
	}
	var out map[string]any
	if err := into.Decode(&out); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	out = nil
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber() // a float would come out as 1e+12, which is no count
	if err := dec.Decode(&out); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}

// lay puts over's keys into into. Values must be of the same kind. An empty group of keys ({}) is one whose keys are the operator's own:
// it takes any.
func lay(into, over *yaml.Node, name, path string) []error {
	if over.Kind != yaml.MappingNode {
		return []error{fmt.Errorf("%s:%d: want keys and values", name, over.Line)}
	}
	var errs []error
	seen := map[string]bool{}
	for i := 0; i < len(over.Content); i += 2 {
		key, value := over.Content[i], over.Content[i+1]
		at := path + key.Value
		have := find(into, key.Value)
		switch {
		case seen[key.Value]:
			errs = append(errs, fmt.Errorf("%s:%d: %s is said twice", name, key.Line, at))
		case have == nil:
			errs = append(errs, fmt.Errorf("%s:%d: no setting %q; %s", name, key.Line, at, instead(key.Value, path, into)))
		case have.Kind != value.Kind:
			errs = append(errs, fmt.Errorf("%s:%d: %s: want a %s", name, value.Line, at, kindName(have.Kind)))
		case have.Kind == yaml.MappingNode && len(have.Content) > 0:
			errs = append(errs, lay(have, value, name, at+".")...)
		case have.Kind == yaml.ScalarNode && have.Tag != value.Tag && !(have.Tag == "!!float" && value.Tag == "!!int"): // a share of 1 is one, too
			errs = append(errs, fmt.Errorf("%s:%d: %s: want a value like %s", name, value.Line, at, have.Value))
		default:
			*have = *value
		}
		seen[key.Value] = true
	}
	return errs
}

// instead says what there is in place of a key: the nearest, and below a group of keys how a rule has to declare that they are free, where what
// was written is like none.
func instead(key, path string, m *yaml.Node) string {
	near := nearest(key, m)
	text := "nearest: " + path + near
	if group := strings.TrimSuffix(path, "."); group != "" && distance(key, near) > max(2, len(key)/3) {
		text += fmt.Sprintf("; keys are free only below {}: the settings.yaml that has %s would have to say %s: {}", group, group[strings.LastIndexByte(group, '.')+1:])
	}
	return text
}

func kindName(k yaml.Kind) string {
	switch k {
	case yaml.MappingNode:
		return "group of keys"
	case yaml.SequenceNode:
		return "list"
	case yaml.DocumentNode, yaml.ScalarNode, yaml.AliasNode:
	}
	return "single value"
}

func find(m *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

// nearest returns the key of m that is the fewest changes away.
func nearest(key string, m *yaml.Node) string {
	best, dist := "", 1<<30
	for i := 0; i+1 < len(m.Content); i += 2 {
		if d := distance(key, m.Content[i].Value); d < dist {
			best, dist = m.Content[i].Value, d
		}
	}
	return best
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		prev := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			prev, row[j] = row[j], min(row[j]+1, row[j-1]+1, prev+cost)
		}
	}
	return row[len(b)]
}

// unknownSettings refuses rules that read a setting which is not there: a deny that does is never said, without a word. It looks at policies
// that come with settings of their own, which list all that there is.
func unknownSettings(c *ast.Compiler, settings map[string]any, dir fs.FS) error {
	if all, err := ownSettings(dir); err != nil || all.Kind == 0 {
		return err // without, a policy takes what it is given
	}
	own, err := placesOf(Config{FS: dir})
	if err != nil {
		return err
	}
	root := ast.MustParseRef("data.weir.settings")
	var errs []error
	said := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(c.Modules)) {
		ast.WalkRefs(c.Modules[name], func(ref ast.Ref) bool {
			if !ref.HasPrefix(root) {
				return false
			}
			if missing, beside := missingSetting(settings, ref[len(root):]); missing != "" && !said[missing] {
				said[missing] = true
				errs = append(errs, fmt.Errorf("%s: %s", ref[len(root)].Location, own.missing(missing, beside))) // the import put in what is before
			}
			return false
		})
	}
	return errors.Join(errs...)
}

// missingSetting returns the path of what a reference reads and the settings have not, and what they have in its place; "" where it is
// there, or a variable is in it.
func missingSetting(settings map[string]any, rest ast.Ref) (missing string, beside []string) {
	var at any = settings
	path := make([]string, 0, len(rest))
	for _, term := range rest {
		key, ok := term.Value.(ast.String)
		m, isMap := at.(map[string]any)
		if !ok || !isMap {
			return "", nil
		}
		path = append(path, string(key))
		if at, ok = m[string(key)]; !ok {
			return strings.Join(path, "."), slices.Sorted(maps.Keys(m))
		}
	}
	return "", nil
}
