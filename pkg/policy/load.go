package policy

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	shipped "github.com/weirgate/weir/rego"
)

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// shippedDir is the shipped policy as a directory.
func shippedDir() (fs.FS, error) { return fs.Sub(shipped.FS, "weir") }

// sources is what a policy is made of.
type sources struct {
	files, tests map[string]string // .rego, by path
	documents    map[string]any    // data, but for the settings
	settings     map[string]any    // the operator's laid over the policy's own
}

// compile builds a policy: parse, check against the input schema, prepare.
func compile(ctx context.Context, cfg Config) (*loaded, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	src, err := sourcesOf(cfg)
	if err != nil {
		return nil, err
	}
	compiler, silent, err := compileFor(cfg.Compat, src.files)
	if err != nil {
		return nil, err
	}
	query := "data." + strings.ReplaceAll(cfg.Entrypoint, "/", ".")
	ref, err := ast.ParseRef(query)
	if err != nil || len(compiler.GetRulesWithPrefix(ref)) == 0 {
		return nil, fmt.Errorf("policy.entrypoint %s: no rule of that name in the policy", cfg.Entrypoint)
	}
	fixed := fixedData(src.settings, compiler.Modules, cfg.MaskKeys)
	store := newStore(src.documents, fixed)
	warnings, err := src.sound(ctx, cfg, compiler, store)
	if err != nil {
		return nil, err
	}
	evaluated := compiler
	if cfg.Compat == "" {
		evaluated = folded(compiler, src.files, fixed)
	}
	opts := []func(*rego.Rego){rego.Compiler(evaluated), rego.Store(store), rego.StrictBuiltinErrors(!cfg.Lenient)}
	prepared, err := rego.New(append(opts, rego.Query(query))...).PrepareForEval(ctx)
	if err != nil {
		return nil, fmt.Errorf("prepare the policy: %w", err)
	}
	revision, err := src.revision(cfg)
	if err != nil {
		return nil, err
	}
	l := &loaded{
		query: prepared, keys: newKeys(), revision: revision, timeout: cfg.Timeout, memory: cfg.Memory,
		warnings: append(silent, warnings...), random: drawsRandom(src.files), rules: indexRules(compiler),
		meters: slices.Clone(cfg.Meters), windows: slices.Clone(cfg.Windows),
		entry: compiler.GetRulesExact(ref), groups: groupsIn(src.settings), named: keysIn(src.settings),
	}
	if cfg.Compat == "" {
		l.sayings = sync.OnceValues(func() (*sayings, error) {
			return newSayings(context.WithoutCancel(ctx), compiler, rego.Store(store), rego.StrictBuiltinErrors(true))
		})
	}
	if err := l.watch(ctx, cfg.Compat, compiler, ref, opts); err != nil {
		return nil, err
	}
	return l, nil
}

// withDefaults fills in what is not said.
func (c Config) withDefaults() (Config, error) {
	if c.FS == nil {
		var err error
		if c.FS, err = shippedDir(); err != nil {
			return Config{}, err
		}
	}
	if c.Entrypoint == "" {
		c.Entrypoint = defaultEntrypoint
		if c.Compat != "" {
			c.Entrypoint = envoyEntrypoint
		}
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.Memory <= 0 {
		c.Memory = defaultMemory
	}
	c.Name = cmp.Or(c.Name, settingsFile)
	return c, nil
}

// sourcesOf reads a policy's files and settings.
func sourcesOf(cfg Config) (src sources, err error) {
	if src.settings, err = mergeSettings(cfg); err != nil {
		return sources{}, err
	}
	if src.files, src.tests, err = read(cfg.FS); err != nil {
		return sources{}, err
	}
	if src.documents, _, err = readDocuments(cfg.FS); err != nil {
		return sources{}, err
	}
	return src, nil
}

// sound asks what is wrong with the settings, by what rules read and by what they say themselves, and runs the policy's own tests where
// they are to be. It returns what is permitted and should be meant.
func (s sources) sound(ctx context.Context, cfg Config, c *ast.Compiler, store storage.Store) (warnings []string, err error) {
	if err := unknownSettings(c, s.settings, cfg.FS); err != nil {
		return nil, err
	}
	at, err := placesOf(cfg)
	if err != nil {
		return nil, err
	}
	if err := unknownInSettings(c, s.settings, at, cfg.Name); err != nil && cfg.Compat == "" {
		return nil, err
	}
	unmetered, err := unknownSaid(c, cfg.Meters, cfg.Windows)
	if err != nil {
		return nil, fmt.Errorf("compile the policy: %w", err)
	}
	if warnings, err = problems(ctx, c, store, at, cfg.Name); err != nil {
		return nil, err
	}
	warnings = append(unmetered, warnings...)
	if cfg.RunTests {
		return warnings, runTests(ctx, s.files, s.tests, s.documents, s.settings)
	}
	return warnings, nil
}

// revision names the policy by all that it is made of.
func (s sources) revision(cfg Config) (string, error) {
	raw, err := json.Marshal([]any{s.settings, s.documents})
	if err != nil {
		return "", err
	}
	return revisionOf(cfg.Revision, cfg.Entrypoint, s.files, raw), nil
}

// watch finds out what the policy can reach of its input, and with it which of its decisions may be repeated.
func (l *loaded) watch(ctx context.Context, compat string, c *ast.Compiler, entrypoint ast.Ref, opts []func(*rego.Rego)) error {
	reads := reach(c, entrypoint)
	if compat != "" {
		envoy := readsOfEnvoy(reads)
		l.envoy, l.reads, l.volatile = &envoy, envoy.needs(), []string{"what Envoy says of the request"}
		return nil
	}
	l.reads = reads.needs()
	return l.keep(ctx, c, entrypoint, reads, opts)
}

// keep finds out which decisions can be repeated, and which rules must be asked each time before.
func (l *loaded) keep(ctx context.Context, c *ast.Compiler, entrypoint ast.Ref, reads reached, opts []func(*rego.Rego)) error {
	if l.cache, l.volatile = newCache(reads); l.cache != nil {
		return nil
	}
	refs, rest := divide(c, entrypoint)
	if len(refs) == 0 {
		return nil
	}
	if l.cache, _ = newCache(rest); l.cache == nil {
		return nil
	}
	var err error
	if l.fresh, err = newFresh(ctx, refs, opts...); err != nil {
		return fmt.Errorf("prepare the rules that are asked each time: %w", err)
	}
	return nil
}

// fixedData is data.weir: what the policy has of settings, what the installation can do, and which rules say which part.
func fixedData(settings map[string]any, modules map[string]*ast.Module, maskKeys bool) map[string]any {
	return map[string]any{"settings": settings, "installation": map[string]any{"mask_keys": maskKeys}, "parts": partsOf(modules)}
}

// newStore keeps a policy's documents and data.weir as parsed terms, so that evaluation does not convert them each time. Nothing writes to it.
func newStore(documents, fixed map[string]any) storage.Store {
	data := maps.Clone(documents)
	data["weir"] = fixed
	return inmem.NewFromObjectWithOpts(data, inmem.OptReturnASTValuesOnRead(true))
}

// read returns the policy's files and its tests (_test.rego), by path.
func read(dir fs.FS) (files, tests map[string]string, err error) {
	files, tests = map[string]string{}, map[string]string{}
	err = fs.WalkDir(dir, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".rego") {
			return err
		}
		b, err := fs.ReadFile(dir, path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, "_test.rego") {
			tests[path] = string(b)
		} else {
			files[path] = string(b)
		}
		return nil
	})
	if err == nil && len(files) == 0 {
		err = errNoPolicy
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the policy: %w", err)
	}
	return files, tests, nil
}

// compileFor compiles a policy as what it was written for.
func compileFor(compat string, files map[string]string) (*ast.Compiler, []string, error) {
	ownClock()
	switch compat {
	case "":
		return compileFiles(files)
	case CompatOPAEnvoy:
		c, err := compileForeign(files)
		return c, nil, err
	}
	return nil, nil, fmt.Errorf("policy.compat: %q is not known", compat)
}

// compileForeign compiles a policy that was not written for Weir: in either version of Rego, and against no schema.
func compileForeign(files map[string]string) (*ast.Compiler, error) {
	modules := make(map[string]*ast.Module, len(files))
	for name, src := range files {
		m, err := parseForeign(name, src)
		if err != nil {
			return nil, fmt.Errorf("parse the policy: %w", err)
		}
		if m == nil {
			return nil, fmt.Errorf("parse the policy: %s is empty", name)
		}
		modules[name] = m
	}
	c := ast.NewCompiler().WithCapabilities(capabilities())
	if c.Compile(modules); c.Failed() {
		return nil, fmt.Errorf("compile the policy: %w", c.Errors)
	}
	return c, nil
}

// parseForeign reads version 1 of Rego, or version 0 where it is none.
func parseForeign(name, src string) (*ast.Module, error) {
	m, err := ast.ParseModuleWithOpts(name, src, ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err == nil {
		return m, nil
	}
	if old, olderr := ast.ParseModuleWithOpts(name, src, ast.ParserOptions{RegoVersion: ast.RegoV0}); olderr == nil {
		return old, nil
	}
	return nil, err
}

// compileFiles parses and compiles strictly: against the input schema, and without built-ins that reach outside. It tells of what compiles
// and does not say what it seems to.
func compileFiles(files map[string]string) (_ *ast.Compiler, silent []string, err error) {
	modules := make(map[string]*ast.Module, len(files))
	for name, src := range files {
		m, err := ast.ParseModuleWithOpts(name, src, ast.ParserOptions{RegoVersion: ast.RegoV1, ProcessAnnotation: true})
		if err != nil {
			return nil, nil, fmt.Errorf("parse the policy: %w", err)
		}
		if m == nil {
			return nil, nil, fmt.Errorf("parse the policy: %s is empty", name)
		}
		modules[name] = m
	}
	if err := checkRules(modules); err != nil {
		return nil, nil, fmt.Errorf("compile the policy: %w", err)
	}
	schemas, err := inputSchema()
	if err != nil {
		return nil, nil, err
	}
	c := ast.NewCompiler().WithStrict(true).WithSchemas(schemas).WithCapabilities(capabilities())
	if c.Compile(modules); c.Failed() {
		return nil, nil, fmt.Errorf("compile the policy: %w%s", c.Errors, hintOf(c.Errors))
	}
	input, err := readSchema()
	if err != nil {
		return nil, nil, err
	}
	if err := unknownWords(modules, input); err != nil {
		return nil, nil, fmt.Errorf("compile the policy: %w", err)
	}
	if err := misplaced(c); err != nil {
		return nil, nil, fmt.Errorf("compile the policy: %w", err)
	}
	misspelt, err := misspeltParts(c)
	if err != nil {
		return nil, nil, fmt.Errorf("compile the policy: %w", err)
	}
	return c, append(misspelt, saysNothing(modules, input)...), nil
}

// hintOf tells whoever has a policy of opa-envoy-plugin how it is taken.
func hintOf(errs ast.Errors) string {
	for _, e := range errs {
		for _, theirs := range [...]string{"attributes", "parsed_path", "parsed_query", "parsed_body"} {
			if strings.Contains(e.Message, "input."+theirs) {
				return "\ninput." + theirs + " is what opa-envoy-plugin asks about: a policy that was written for it needs policy.compat: opa-envoy"
			}
		}
	}
	return ""
}

// inputSchema puts the schema where the compiler checks every reference to input against it; anywhere else it is ignored without a word.
func inputSchema() (*ast.SchemaSet, error) {
	b, err := Schema()
	if err != nil {
		return nil, err
	}
	var schema any
	if err := json.Unmarshal(b, &schema); err != nil {
		return nil, fmt.Errorf("schemas/input.json: %w", err)
	}
	set := ast.NewSchemaSet()
	set.Put(ast.SchemaRootRef, schema)
	return set, nil
}

// capabilities are OPA's, without built-ins whose answer does not follow from the input. Clock, random and uuid stay: they run under
// values from the input.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.AllowNet = []string{}
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool {
		switch b.Name {
		case "time.now_ns", "rand.intn", "uuid.rfc4122", "io.jwt.decode_verify": // the last one reads the clock, as those of ownClock do
			return false
		case "opa.runtime", "http.send", "net.lookup_ip_addr":
			return true
		}
		return b.Nondeterministic
	})
	return c
}

// runTests runs the policy's own tests with the settings that it will have.
func runTests(ctx context.Context, files, tests map[string]string, documents, settings map[string]any) error {
	runner, _, err := newRunner(files, tests, documents, settings)
	if err != nil {
		return err
	}
	results, err := runner.RunTests(ctx, nil)
	if err != nil {
		return fmt.Errorf("run the policy's tests: %w", err)
	}
	var failed []string
	for r := range results {
		if r.Error != nil || r.Fail {
			failed = append(failed, fmt.Sprintf("%s: %s.%s", r.Location, r.Package, r.Name))
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("the policy's own tests fail:\n  %s", strings.Join(failed, "\n  "))
	}
	return nil
}
