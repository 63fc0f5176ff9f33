package policy

import (
	"errors"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// folded compiles a policy once more with the values of its settings in place of references to them: they are as fixed as the policy is, and
// each reading of one costs a look into the store (measured: an eighth of what a decision allocates). It returns c where that cannot be done:
// a rule replaces data.weir, or a value where it stands does not pass the compiler's types, and is undefined without more ado.
func folded(c *ast.Compiler, files map[string]string, fixed map[string]any) *ast.Compiler {
	modules := make(map[string]*ast.Module, len(files))
	for name, src := range files {
		m, err := ast.ParseModuleWithOpts(name, src, ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil || m == nil || replacesData(m) {
			return c
		}
		modules[name] = m
	}
	fold := func(c *ast.Compiler) *ast.Error {
		for _, m := range c.Modules {
			put := func(r ast.Ref) (ast.Value, error) { return fixedValue(r, fixed), nil }
			err := foldDeclarations(m, put)
			if err == nil {
				_, err = ast.TransformRefs(m, put)
			}
			if err != nil {
				return ast.NewError(ast.CompileErr, nil, "%v", err)
			}
		}
		return nil
	}
	out := ast.NewCompiler().WithCapabilities(capabilities()).
		WithStageAfterID(ast.StageResolveRefs, ast.CompilerStageDefinition{Name: "FoldSettings", MetricName: "fold_settings", Stage: fold})
	if out.Compile(modules); out.Failed() {
		return c
	}
	return out
}

// foldDeclarations puts values in place of references in declarations ("some x in data.weir.settings.y"), which ast.TransformRefs passes over:
// measured, a tenth of a decision.
func foldDeclarations(m *ast.Module, put func(ast.Ref) (ast.Value, error)) error {
	var failed error
	ast.NewGenericVisitor(func(x any) bool {
		some, ok := x.(*ast.SomeDecl)
		if !ok {
			return failed != nil
		}
		for _, t := range some.Symbols {
			changed, err := ast.TransformRefs(t.Copy().Value, put)
			if v, ok := changed.(ast.Value); ok && err == nil {
				t.Value = v
			} else {
				failed = errors.Join(err, fmt.Errorf("%s became %T", t, changed))
			}
		}
		return true
	}).Walk(m)
	return failed
}

// replacesData reports whether a rule evaluates something with other data.
func replacesData(m *ast.Module) bool {
	found := false
	ast.WalkWiths(m, func(w *ast.With) bool {
		ref, ok := w.Target.Value.(ast.Ref)
		found = found || ok && ref[0].Equal(ast.DefaultRootDocument)
		return false
	})
	return found
}

// fixedValue is the value that a reference to data.weir leads to, or the reference where that is not known before there is an input.
func fixedValue(r ast.Ref, fixed map[string]any) ast.Value {
	if len(r) < 4 || !r.HasPrefix(ast.MustParseRef("data.weir")) {
		return r
	}
	var at any = fixed
	for _, t := range r[2:] {
		key, isKey := t.Value.(ast.String)
		m, isMap := at.(map[string]any)
		if !isKey || !isMap {
			return r
		}
		if at, isKey = m[string(key)]; !isKey {
			return r
		}
	}
	v, err := ast.InterfaceToValue(at)
	if err != nil {
		return r
	}
	return v
}
