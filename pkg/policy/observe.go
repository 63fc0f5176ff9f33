package policy

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing/fstest"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/weirgate/weir/pkg/authz"
)

// compileObserved compiles the policy without the rules that are only observed, and beside it the whole, which is asked what would have been
// decided.
func compileObserved(ctx context.Context, cfg Config) (*loaded, error) {
	if len(cfg.Observe) == 0 {
		return compile(ctx, cfg)
	}
	if cfg.FS == nil {
		var err error
		if cfg.FS, err = shippedDir(); err != nil {
			return nil, err
		}
	}
	whole, err := compile(ctx, cfg)
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(slices.Values(cfg.Observe))
	if cfg.FS, err = withoutRules(cfg.FS, names); err != nil {
		return nil, err
	}
	cfg.RunTests = false // they have been run, and may need what is not here
	l, err := compile(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("without the rules that are only observed: %w", err)
	}
	l.shadow, l.warnings = whole, whole.warnings
	l.revision = revisionOf(cfg.Revision, cfg.Entrypoint, map[string]string{"": whole.revision}, []byte(strings.Join(names, " ")))
	l.reads = authz.Reads{
		Usage: l.reads.Usage || whole.reads.Usage, Groups: l.reads.Groups || whole.reads.Groups, Risk: l.reads.Risk || whole.reads.Risk,
		Response: l.reads.Response || whole.reads.Response, Object: l.reads.Object || whole.reads.Object,
		Content: l.reads.Content || whole.reads.Content, Attempts: l.reads.Attempts || whole.reads.Attempts,
		Corpus: l.reads.Corpus || whole.reads.Corpus,
	}
	return l, nil
}

// withoutRules is a policy without the packages weir.rules.<name>.
func withoutRules(dir fs.FS, names []string) (fs.FS, error) {
	out := fstest.MapFS{}
	missing := slices.Clone(names)
	err := fs.WalkDir(dir, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := fs.ReadFile(dir, path)
		if err != nil {
			return err
		}
		if m, err := ast.ParseModuleWithOpts(path, string(b), ast.ParserOptions{RegoVersion: ast.RegoV1}); strings.HasSuffix(path, ".rego") && err == nil && m != nil {
			name, isRule := strings.CutPrefix(m.Package.Path.String(), "data.weir.rules.")
			if isRule && slices.Contains(names, name) {
				missing = slices.DeleteFunc(missing, func(n string) bool { return n == name })
				return nil
			}
		}
		out[path] = &fstest.MapFile{Data: b}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("policy.observe: the policy has no rule %s", strings.Join(missing, ", "))
	}
	return out, nil
}

// would is what s, which the whole policy said, or its failure to, makes of d, which was decided without the rules that are only observed; nil
// where they change nothing.
func would(d, s *authz.Decision, err error) *authz.Would {
	if err != nil {
		return &authz.Would{Failed: true, Rule: authz.AsError(err).Fault}
	}
	w := &authz.Would{Effect: s.Effect, Rule: s.Rule, Reason: s.Reason, Mask: s.Mask}
	if s.Effect == authz.Allow {
		for _, limit := range s.Limits {
			if !slices.Contains(d.Limits, limit) {
				w.Limits = append(w.Limits, limit)
			}
		}
	}
	if !w.Differs(d) && len(w.Limits) == 0 {
		return nil
	}
	return w
}
