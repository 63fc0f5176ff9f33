package registry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weirgate/weir/pkg/authz"
)

// operatorFile is the file of an operator, YAML or JSON.
type operatorFile struct {
	Models []operatorVersion `yaml:"models"`
}

// operatorVersion is one version in it.
type operatorVersion struct {
	Model       string           `yaml:"model"`
	Names       []string         `yaml:"names"`
	Sensitivity string           `yaml:"sensitivity"`  // default: the highest class
	State       authz.ModelState `yaml:"state"`        // default: active
	PromotedBy  string           `yaml:"promoted_by"`  // whoever answers for it
	ConfirmedBy string           `yaml:"confirmed_by"` // somebody else; both are required for a class below the highest
}

// ReadFile reads the versions of an operator's file. name is the file's, for errors, which say line and model. Who may write this file answers for
// the names in it: it is not signed by them.
func ReadFile(name string, b []byte, classes []string) ([]Version, error) {
	if len(b) > MaxDocument {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, MaxDocument)
	}
	lines, err := linesOf(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, plain(err))
	}
	var f operatorFile
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", name, plain(err))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: one document only: what follows --- would be ignored", name)
	}
	var out []Version
	var found []error
	seen := map[string]int{}
	for i := range f.Models {
		v, err := f.Models[i].version(classes)
		if first, twice := seen[v.Model]; twice && err == nil {
			err = fmt.Errorf("is there twice, first on line %d", first)
		}
		if err != nil {
			found = append(found, fmt.Errorf("%s:%d: %s: %w", name, lines[i], clip(f.Models[i].Model), err))
		}
		seen[v.Model] = lines[i]
		out = append(out, v)
	}
	return out, errors.Join(found...)
}

// version checks one, and fills in what it leaves out.
func (o *operatorVersion) version(classes []string) (Version, error) {
	highest := classes[len(classes)-1]
	v := Version{Model: o.Model, Names: o.Names, Sensitivity: o.Sensitivity, State: o.State, Promoted: Mark{By: o.PromotedBy}, Source: "file"}
	if v.Sensitivity == "" {
		v.Sensitivity = highest
	}
	if v.State == "" {
		v.State = authz.ModelActive
	}
	if v.Promoted.By == "" {
		v.Promoted.By = "file"
	}
	a := Ask{Model: v.Model, Names: v.Names, Sensitivity: v.Sensitivity, State: v.State, Promoted: o.PromotedBy, Reason: o.ConfirmedBy}
	switch err := a.check(classes); {
	case err != nil:
		return v, err
	case len(v.Names) == 0:
		return v, errors.New("names is missing: the digests of its objects")
	case v.Sensitivity != highest && (o.PromotedBy == "" || o.ConfirmedBy == ""):
		return v, fmt.Errorf("a class below %s takes two people: promoted_by and confirmed_by", highest)
	case o.ConfirmedBy != "" && strings.EqualFold(o.PromotedBy, o.ConfirmedBy):
		return v, errors.New("promoted_by and confirmed_by are the same: want two different people")
	}
	return v, nil
}

// linesOf returns the line of each version of a file.
func linesOf(b []byte) ([]int, error) {
	var doc struct {
		Models []yaml.Node `yaml:"models"`
	}
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, err
	}
	lines := make([]int, len(doc.Models))
	for i := range doc.Models {
		lines[i] = doc.Models[i].Line
	}
	return lines, nil
}

// plain is an error of the YAML reader without Go's types in it.
func plain(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.TrimPrefix(text, "unmarshal errors:\n  ")
	text = strings.ReplaceAll(text, " in type registry.operatorVersion", "")
	text = strings.ReplaceAll(text, " in type registry.operatorFile", "")
	return errors.New(strings.ReplaceAll(text, "\n  ", "\n"))
}
