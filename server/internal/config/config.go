package config

import (
	"time"
)

// Config is the whole file. Keys that are left out have their default. File names that are not absolute are taken from the directory of
// the configuration file. Durations are written as in Go (300ms, 5s, 1h30m), sizes as a number of bytes or with KiB, MiB, GiB.
type Config struct {
	// Listen says where Weir is reached.
	Listen Listen `yaml:"listen"`
	// Entry is how Envoy asks. ext_proc: one filter that sees requests and answers. ext_authz: request heads only, so whatever depends on the
	// answer is refused. both: ext_authz decides, ext_proc resumes by ticket. Default ext_proc.
	Entry string `yaml:"entry" default:"ext_proc" oneof:"ext_proc ext_authz both"`
	// Default is what becomes of a request that no target covers. deny: refused. observe: passes, counted and recorded, as the target
	// "unmatched". Default deny.
	Default string `yaml:"default" default:"deny" oneof:"deny observe"`
	// Mode is enforce, or observe: no target refuses or masks anything, whatever its own mode; all is counted and recorded with what would have
	// been done. Default enforce.
	Mode string `yaml:"mode" default:"enforce" oneof:"enforce observe"`
	// Replica is this process's name in decision IDs and records: 1 to 24 lower-case letters, digits and '-', different for every replica.
	// Default: the host name.
	Replica string `yaml:"replica"`
	// Issuers are who may say who somebody is. At least one, unless there are certificates.
	Issuers []Issuer `yaml:"issuers"`
	// Certificates say who a client certificate is, for targets that take one as an identity (carrier certificate). The first that fits; one
	// that fits none is refused. Default: none.
	Certificates []Certificate `yaml:"certificates"`
	// Capabilities are URLs that carry leave to make their request, for targets that take them (carrier url:NAME).
	Capabilities Capabilities `yaml:"capabilities"`
	// Token says where tokens are found and how they are judged, whoever issued them.
	Token Token `yaml:"token"`
	// Targets are what is guarded. At least one, unless default is observe.
	Targets []Target `yaml:"targets"`
	// Policy is what decides.
	Policy Policy `yaml:"policy"`
	// Counters are the sliding windows that limits are judged by.
	Counters Counters `yaml:"counters"`
	// Registry is what is known of versions of models.
	Registry Registry `yaml:"registry"`
	// Audit is the journal of decisions.
	Audit Audit `yaml:"audit"`
	// MaskKeys are the keys of the masks seal, token and obfuscate.
	MaskKeys MaskKeys `yaml:"mask_keys"`
	// Handover is how ext_authz passes an admission to ext_proc, with entry both.
	Handover Handover `yaml:"handover"`
	// Limits bound memory and waiting.
	Limits Limits `yaml:"limits"`

	file  string         // as given to Load or Parse
	lines map[string]int // key → line, for the keys that are in the file
}

// Listen says where Weir is reached. Whoever reaches the gRPC port can act as Envoy: ask about anything, and use up other people's limits.
// That is why it must be a unix socket, loopback TCP, or TCP with mutual TLS and a list of peers.
type Listen struct {
	// GRPC is where Envoy connects, for ext_proc, ext_authz and health: "host:port" or "unix:///path". Default 127.0.0.1:9001.
	GRPC string `yaml:"grpc" default:"127.0.0.1:9001"`
	// Admin is the "host:port" of /healthz, /readyz and /metrics, and of pprof where it is loopback. Default 127.0.0.1:9002.
	Admin string `yaml:"admin" default:"127.0.0.1:9002"`
	// TLS is for the gRPC listener. Without it the listener speaks plain HTTP/2.
	TLS TLS `yaml:"tls"`
	// InsecureListener permits a gRPC listener that others can reach without mutual TLS, and an admin listener that is not loopback. Only
	// where something else keeps them away, such as a network of its own. Default false.
	InsecureListener bool `yaml:"insecure_listener"`
}

// TLS is a server certificate and who may connect. The zero value is no TLS.
type TLS struct {
	// Cert is the file of the certificate chain, PEM. Required with Key.
	Cert string `yaml:"cert"`
	// Key is the file of the private key, PEM. Required with Cert.
	Key string `yaml:"key"`
	// ClientCA is the file of the certificate authorities that client certificates must come from, PEM. Required with Peers.
	ClientCA string `yaml:"client_ca"`
	// Peers are the SPIFFE IDs (spiffe://trust-domain/path) and DNS names that may connect, compared byte for byte. Required with ClientCA:
	// an authority signs for many, and only Envoys may ask.
	Peers []string `yaml:"peers"`
}

// Audit is the journal: one decision record and one completion record per exchange, on disk before anything is released.
type Audit struct {
	// Dir is the directory of the journal, made when it is not there. Required.
	Dir string `yaml:"dir"`
	// SegmentBytes is the size of one file of the journal. 2MiB to 4GiB. Default 64MiB.
	SegmentBytes Size `yaml:"segment_bytes" default:"64MiB" min:"2MiB" max:"4GiB"`
	// MaxBytes bounds the whole journal: beyond it the oldest files go that have been shipped. 4MiB or more, and at least two segments.
	// Default 10GiB.
	MaxBytes Size `yaml:"max_bytes" default:"10GiB" min:"4MiB"`
	// Keep is how long records stay at least where they are not shipped (OTEL_EXPORTER_OTLP_ENDPOINT is not set): with max_bytes reached and
	// nothing so old, requests are refused, because whoever floods the journal may want to push out what it holds of them. 0s to 8760h.
	// Default 24h.
	Keep time.Duration `yaml:"keep" default:"24h" min:"0s" max:"8760h"`
	// Queue is how many records may wait for the disk; beyond it requests wait, then are refused. 1 to 1000000. Default 4096.
	Queue int `yaml:"queue" default:"4096" min:"1" max:"1000000"`
}

// Handover is how ext_authz passes an admission to ext_proc, with entry both.
type Handover struct {
	// KeyFile holds at least 32 random bytes, the same on every replica, that tickets are sealed with. Required with entry both and counters
	// in Redis. Default: random bytes of this process.
	KeyFile string `yaml:"key_file"`
	// TTL is how long a ticket is good for: the time between the two filters, and whatever stands between them. 100ms to 5m. Default 10s.
	TTL time.Duration `yaml:"ttl" default:"10s" min:"100ms" max:"5m"`
}

// Limits bound memory and waiting.
type Limits struct {
	// RequestBodyBytes is the largest request body that is read; a larger one is refused with 413 where it must be read. 1KiB to 1GiB.
	// Default 8MiB.
	RequestBodyBytes Size `yaml:"request_body_bytes" default:"8MiB" min:"1KiB" max:"1GiB"`
	// RequestBodyBytesPerSubject bounds the request bodies of one subject that are held at once; beyond it 503. At least
	// request_body_bytes. Default 32MiB.
	RequestBodyBytesPerSubject Size `yaml:"request_body_bytes_per_subject" default:"32MiB"`
	// RequestBodyBytesTotal bounds the request bodies that are held at once; beyond it 503. At least request_body_bytes_per_subject.
	// Default 512MiB.
	RequestBodyBytesTotal Size `yaml:"request_body_bytes_total" default:"512MiB"`
	// DecisionTimeout bounds one decision, its calls to policy and store included; beyond it 503. Keep it below message_timeout of Envoy's
	// ext_proc filter (2s in envoy/): an Envoy that waits no longer does as its failure_mode_allow says. 10ms to 60s. Default 1500ms.
	DecisionTimeout time.Duration `yaml:"decision_timeout" default:"1500ms" min:"10ms" max:"60s"`
	// BodyTimeout bounds the wait for a request body. 100ms to 1h. Default 30s.
	BodyTimeout time.Duration `yaml:"body_timeout" default:"30s" min:"100ms" max:"1h"`
	// StreamIdleTimeout ends an exchange about which Envoy says nothing for so long. 1s to 24h. Default 10m.
	StreamIdleTimeout time.Duration `yaml:"stream_idle_timeout" default:"10m" min:"1s" max:"24h"`
	// AttestationTTL is how long an Envoy connection that delivered a body on request is taken to go on doing so. 1s to 1h. Default 60s.
	AttestationTTL time.Duration `yaml:"attestation_ttl" default:"60s" min:"1s" max:"1h"`
	// AttestationTimeout is how long a connection that did not yet may take to deliver the first piece; beyond it 503. 10ms to 60s.
	// Default 1s.
	AttestationTimeout time.Duration `yaml:"attestation_timeout" default:"1s" min:"10ms" max:"60s"`
	// DrainTimeout is how long exchanges may go on after SIGTERM. 1s to 1h. Default 20s.
	DrainTimeout time.Duration `yaml:"drain_timeout" default:"20s" min:"1s" max:"1h"`
}
