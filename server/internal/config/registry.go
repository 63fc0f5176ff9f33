package config

import (
	"os"
	"slices"
	"time"

	"github.com/weirgate/weir/pkg/registry"
)

// Registry is what is known of model versions, by the digest of their content: how sensitive each is, whether it is retired. It is kept in
// Redis where counters are, else in the file models of audit.dir, for this process. There is one where reviewers, a file or a webhook are.
type Registry struct {
	// Classes are the words of sensitivity, the lowest first: what is not known has the last. 2 to 16. A word that a version has must stay, and all
	// replicas must have the same. Default [public, internal, confidential, restricted].
	Classes []string `yaml:"classes" default:"public internal confidential restricted"`
	// Reviewers are the groups whose members may read and change model versions, by weir models or the admin listener: one to raise a class or
	// to retire, two people to lower one. Default: nobody.
	Reviewers []string `yaml:"reviewers"`
	// File is a YAML or JSON file of model versions, laid under all others: the strictest word holds. It is read again when it changes. Default:
	// none.
	File string `yaml:"file"`
	// Webhook takes the events of an MLflow server.
	Webhook Webhook `yaml:"webhook"`
}

// Webhook takes signed events at /models/webhook of the admin listener.
type Webhook struct {
	// SecretFile holds the secret of the webhook, of at least 32 characters, as it is set in MLflow; several, one a line, while it is changed. It is
	// read at start. Default: no events are taken.
	SecretFile string `yaml:"secret_file"`
	// Window is how far the time at which an event was sent may be from now. 1s to 1h. Default 5m.
	Window time.Duration `yaml:"window" default:"5m" min:"1s" max:"1h"`
}

// Enabled reports whether there is a registry.
func (m *Registry) Enabled() bool {
	return len(m.Reviewers) > 0 || m.File != "" || m.Webhook.SecretFile != ""
}

func (c *Config) checkRegistry(r *report) {
	m := &c.Registry
	if err := registry.CheckClasses(m.Classes); err != nil {
		r.add("registry.classes", "%v", err)
	}
	if slices.Contains(m.Reviewers, "") {
		r.add("registry.reviewers", "holds an empty one")
	}
	if len(m.Reviewers) > 0 && c.Policy.Identity == "policy" {
		r.add("registry.reviewers", "are told by their tokens, which policy.identity: policy leaves unread")
	}
	if m.Enabled() && c.Policy.Compat == "opa-envoy" {
		r.add("registry", "is of no use with policy.compat: such a policy is told nothing of model versions")
	}
}

// registryFile checks the file of model versions.
func (c *Config) registryFile(r *report) {
	if c.Registry.File == "" {
		return
	}
	b, err := os.ReadFile(c.Registry.File)
	if err != nil {
		return // said already
	}
	if _, err := registry.ReadFile(c.Registry.File, b, c.Registry.Classes); err != nil {
		r.add("registry.file", "%v", err)
	}
}
