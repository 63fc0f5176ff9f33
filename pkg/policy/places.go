package policy

import (
	"fmt"
	"io/fs"
	"strings"

	"go.yaml.in/yaml/v3"
)

// places says where settings are written, as file:line by their path ("masking.default").
type places map[string]string

// placesOf finds where each setting is written; the operator's file, which is called cfg.Name, has the last word. Files that do not parse
// are passed over: mergeSettings has said so.
func placesOf(cfg Config) (places, error) {
	p := places{}
	err := eachSettings(cfg.FS, func(path string, n *yaml.Node) error {
		p.add("the policy's "+path, n, "")
		return nil
	})
	if err != nil {
		return nil, err
	}
	var over yaml.Node
	if yaml.Unmarshal(cfg.Settings, &over) == nil && over.Kind == yaml.DocumentNode {
		p.add(cfg.Name, over.Content[0], "")
	}
	return p, nil
}

// eachSettings reads the settings files of a policy, one after the other; those that say nothing are left out.
func eachSettings(dir fs.FS, each func(path string, n *yaml.Node) error) error {
	return fs.WalkDir(dir, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() != settingsFile {
			return err
		}
		b, err := fs.ReadFile(dir, path)
		if err != nil {
			return err
		}
		var one yaml.Node
		if err := yaml.Unmarshal(b, &one); err != nil {
			return fmt.Errorf("the policy's %s: %w", path, err)
		}
		if one.Kind == 0 || one.Content[0].Tag == "!!null" {
			return nil
		}
		return each(path, one.Content[0])
	})
}

func (p places) add(file string, n *yaml.Node, path string) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		at := strings.TrimPrefix(path+"."+n.Content[i].Value, ".")
		p[at] = fmt.Sprintf("%s:%d", file, n.Content[i].Line)
		p.add(file, n.Content[i+1], at)
	}
}

// of puts the place before a sentence of a policy's about a setting, which begins with the setting's path; where that is not written, before
// one about what it is part of, and in the last resort just the file's name.
func (p places) of(sentence, file string) string {
	key, _, _ := strings.Cut(sentence, " ")
	for key = strings.TrimSuffix(key, ":"); key != ""; key = key[:max(0, strings.LastIndexByte(key, '.'))] {
		if at, ok := p[key]; ok {
			return at + ": " + sentence
		}
	}
	return file + ": " + sentence
}

// missing says that a setting is not there: which one of those beside it may have been meant and where that is, or which there are.
func (p places) missing(path string, beside []string) string {
	group, key := "", path
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		group, key = path[:i+1], path[i+1:]
	}
	text := fmt.Sprintf("no setting %q", path)
	if len(beside) == 0 || group == "" && meant(key, beside) == "" {
		return text + " in any " + settingsFile + " of the policy"
	}
	near := meant(key, beside)
	if near == "" {
		return fmt.Sprintf("%s; there is %s", text, group+strings.Join(beside, ", "+group))
	}
	text += "; did you mean " + group + near
	if at, ok := p[group+near]; ok {
		text += " (" + at + ")"
	}
	return text + "?"
}
