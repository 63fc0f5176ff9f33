package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readDocuments reads a policy's data, as OPA's bundles have it: data.json or data.yaml in a directory is what rules see at that directory's
// path. Two files may not say the same member. Of data.weir a policy says settings only, which are its own as those of a settings.yaml are:
// bundles carry no other files.
func readDocuments(dir fs.FS) (all, settings map[string]any, err error) {
	all = map[string]any{}
	err = fs.WalkDir(dir, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		var read func([]byte) (any, error)
		switch e.Name() {
		case "data.json":
			read = parseJSON
		case "data.yaml", "data.yml":
			read = parseYAML
		default:
			return nil
		}
		b, err := fs.ReadFile(dir, name)
		if err != nil {
			return err
		}
		v, err := read(b)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := put(all, path.Dir(name), v); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	if own, said := all["weir"]; err == nil && said {
		m, _ := own.(map[string]any)
		if settings, _ = m["settings"].(map[string]any); settings == nil || len(m) != 1 {
			err = errors.New("of data.weir a policy has settings only, an object")
		}
		delete(all, "weir")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the policy's data: %w", err)
	}
	return all, settings, nil
}

func parseYAML(b []byte) (any, error) {
	var v any
	if err := yaml.Unmarshal(b, &v); err != nil {
		return nil, err
	}
	j, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return parseJSON(j)
}

// put joins a document into all, below the path of a directory.
func put(all map[string]any, dir string, v any) error {
	if dir == "." {
		m, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("want an object, got %T", v)
		}
		return join(all, m)
	}
	parts := strings.Split(dir, "/")
	for i := len(parts) - 1; i >= 0; i-- {
		v = map[string]any{parts[i]: v}
	}
	return join(all, v.(map[string]any))
}

func join(into, from map[string]any) error {
	for k, v := range from {
		have, said := into[k]
		a, isMap := have.(map[string]any)
		b, ok := v.(map[string]any)
		switch {
		case !said:
			into[k] = v
		case isMap && ok:
			if err := join(a, b); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%s is said twice", k)
		}
	}
	return nil
}
