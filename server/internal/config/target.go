package config

import (
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/target"
)

// Target is something that is guarded, and where it is found.
type Target struct {
	// Name names the target in policies, records, metrics and Envoy routes: 1 to 64 letters, digits, '.', '_' and '-'. Required, unique.
	Name string `yaml:"name"`
	// Kind is what it is. Required.
	Kind authz.TargetKind `yaml:"kind" oneof:"inference vectordb corpus weights registry config"`
	// Tenant is whose it is; counters of different tenants are kept apart. Default: none.
	Tenant string `yaml:"tenant"`
	// Sensitivity is a word of your own that policies may read. Default: none.
	Sensitivity string `yaml:"sensitivity"`
	// Dialect is the API it speaks. Required for inference and vectordb, whose answers must be read. Default files for corpus and weights,
	// http (nothing but method and path is understood) for the rest.
	Dialect string `yaml:"dialect"`
	// Vectors are the names of what holds vectors at this target, where its API leaves them to the operator: Milvus fields, Elasticsearch
	// fields, columns of PostgREST and LanceDB, properties of Weaviate and Pinecone documents, named vectors of Qdrant. At most 8. Without
	// them only the detector finds such vectors, and short ones (under 32 components) it does not. Default: none.
	Vectors []string `yaml:"vectors"`
	// PrimaryKeys are the names of fields that are primary keys, in every collection of the target that has a field of such a name: what asks
	// for some of their values, as pymilvus' get does, asks for as many entities. Of another field a value may be that of all. Milvus only. At
	// most 8. Default: none, and such a request is one without bound.
	PrimaryKeys []string `yaml:"primary_keys"`
	// Hosts are the hosts it is found under: a name, "*.example.com" for all names below it, or "*" for any. Ports are not compared.
	// Default: any, where paths are given.
	Hosts []string `yaml:"hosts"`
	// Paths are the paths it is found under. /corpus, and /corpus/** just the same, covers /corpus and everything below it, never /corpus2;
	// =/corpus covers that path alone; * stands for anything inside one segment. The longest wins. Default: any, where hosts are
	// given; a target with neither is found by its name in the Envoy route only.
	Paths []string `yaml:"paths"`
	// Labels are words of your own that policies may read. Default: none.
	Labels map[string]string `yaml:"labels"`
	// Mode is enforce, or observe: count and record, refuse and mask nothing. Default enforce.
	Mode string `yaml:"mode" default:"enforce" oneof:"enforce observe"`
	// Upgrades permits WebSocket and other upgrades, whose payload is not inspected. Default false.
	Upgrades bool `yaml:"upgrades"`
	// UnseenBytes is how many bytes of one object a subject may have in 30 days while nobody can tell what it is, because only pieces from
	// its middle were asked for; beyond that it is opaque, and policy decides. For stores of objects. 1KiB to 1TiB. Default 1MiB.
	UnseenBytes Size `yaml:"unseen_bytes" default:"1MiB" min:"1KiB" max:"1TiB"`
	// CorpusDocuments is how many documents a corpus has, so that policy knows what share of it somebody has read (operation.corpus.share).
	// A document is a version of an object; what a database answers to a search or a query is not counted. For kind corpus with a dialect of a
	// store. Default 0: nobody says, and policy knows numbers only (operation.corpus.read).
	CorpusDocuments int `yaml:"corpus_documents" default:"0" min:"0"`
	// Floors are what policy can only tighten.
	Floors Floors `yaml:"floors"`
	// Identity is how subjects show this target who they are, where that is special to it.
	Identity Identity `yaml:"identity"`
}

// Floors are obligations of every decision about a target; policy can only tighten them.
type Floors struct {
	// Mask is the weakest mask of vectors: none, obfuscate:quantize, obfuscate:truncate, obfuscate:noise, obfuscate:rotate,
	// obfuscate:rotate+noise, seal, token, unit, zero, redact or refuse, in this order. Obfuscation is no protection. Default: policy
	// decides, and what it does not say is redacted.
	Mask authz.MaskMode `yaml:"mask" oneof:"none obfuscate:quantize obfuscate:truncate obfuscate:noise obfuscate:rotate obfuscate:rotate+noise seal token unit zero redact refuse"`
	// Record is the weakest record mode: durable, best_effort, metadata or off. Default durable.
	Record authz.RecordMode `yaml:"record" default:"durable" oneof:"durable best_effort metadata off"`
}

// dialectFor is the default dialect of a kind; empty where one must be named.
func dialectFor(k authz.TargetKind) string {
	switch k {
	case authz.KindInference, authz.KindVectorDB:
		return ""
	case authz.KindCorpus, authz.KindWeights:
		return "files"
	default:
		return "http"
	}
}

// Rule returns the target as pkg/target takes it.
func (t *Target) Rule() target.Rule {
	r := target.Rule{
		Target: authz.Target{
			Name: t.Name, Kind: t.Kind, Tenant: t.Tenant, Sensitivity: t.Sensitivity, Dialect: t.Dialect, Labels: t.Labels,
			Vectors: t.Vectors, PrimaryKeys: t.PrimaryKeys, Floors: authz.Floors{Mask: t.Floors.Mask, Record: t.Floors.Record}, Upgrades: t.Upgrades, Unseen: int64(t.UnseenBytes), Documents: int64(t.CorpusDocuments), Slashes: dialect.Slashes(t.Dialect),
		},
		Hosts: t.Hosts, Paths: t.Paths,
	}
	if t.Mode == "observe" {
		r.Target.Mode = authz.ModeObserve
	}
	return r
}

// TargetTable returns the targets as pkg/target takes them.
func (c *Config) TargetTable() target.Config {
	out := target.Config{Default: target.Default(c.Default)}
	for i := range c.Targets {
		r := c.Targets[i].Rule()
		if c.Mode == "observe" {
			r.Target.Mode = authz.ModeObserve
		}
		out.Rules = append(out.Rules, r)
	}
	return out
}
