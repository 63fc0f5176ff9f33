// Package server is Weir as a running program: it wires every part together, owns the listeners, reloads and drains.
//
// # A tour, from the bottom up
//
// The words. [github.com/weirgate/weir/pkg/authz] is the vocabulary (Subject, Target, Operation, Decision, Limit, Volume, Record):
// plain types on the standard library. Read it first; every other package, the configuration, Rego and the logs use its words only.
//
// The parts, which know authz and not each other:
//
//   - pkg/authn: a token, a client certificate or leave in a URL becomes a Subject. Keys, algorithms and issuers come from the configuration, never from the token.
//   - pkg/target: host and path, or the route's own word, become a Target. What is ambiguous is refused.
//   - pkg/dialect: one file per upstream API: what a request asks for, and where it and its answer hold vectors and scores.
//   - pkg/scan and pkg/vector: streaming readers, and on them: find, count and mask vectors in a byte stream, one file per format, encoding
//     and mask; open sealed ones in requests. pkg/vector/attack: attacks on the masks, whose figures are in pkg/vector/STRENGTH.md.
//   - pkg/inflate: compressed answers are decompressed here, within limits, before anybody reads them.
//   - pkg/policy: the Rego engine. rego/weir holds the shipped policy, its numbers in rego/weir/settings.yaml.
//   - pkg/window: sliding windows in memory; pkg/redisstore: the same in Redis; pkg/window/windowtest: what both must pass.
//   - pkg/coverage: which parts of a stored object have left, and to whom; in Redis too, and pkg/coverage/coveragetest as above.
//   - pkg/distinct: how many distinct documents of a corpus have left, and to whom; in Redis too, and pkg/distinct/distincttest.
//   - pkg/recordfile: the file that coverage and documents are kept in, where there is no Redis.
//   - pkg/registry: versions of models by digest: class, state, who promoted, and two people to lower; in Redis too, pkg/registry/registrytest.
//   - pkg/artifact: what a stored object is, by its first bytes and its last, whatever its name; in Redis too, and pkg/artifact/artifacttest.
//   - pkg/handover: an admission on its way from ext_authz to ext_proc.
//   - pkg/audit: the journal, its chain, reading it back, shipping it.
//
// The pipeline. [github.com/weirgate/weir/pkg/guard] is the life of one exchange: Begin, Admit, Refine, Respond, Spend, Finish. It
// declares the small interfaces it needs and knows nothing of Envoy.
//
// The edge, under server/internal:
//
//   - wire: the only conversions between protobuf and authz, the table from refusal to HTTP status, the codec that does not copy bodies.
//   - extproc: one stream per exchange: attest.go (does this Envoy honour overrides), plan.go (which treatment), stream.go (the loop),
//     request.go and response.go (the phases), answer.go (the scanner at work), recognise.go (what a stored object is), redirect.go (where else it is
//     had), encoded.go (compressed answers), bodies.go (memory).
//   - extauthz: Check, alone or handing over by ticket.
//   - config: the structs are the reference manual. admin: /healthz /readyz /metrics. telemetry: metrics, spans from the journal.
//
// The program. This package: server.go (New, Run), build.go (what is made of the configuration), listen.go (the gRPC listener and its
// rules), reload.go (policy and settings). cmd/weir has one file per subcommand.
//
// # Which file has which promise
//
//	fetch Envoy, see to Redis           envoy/fetch.sh, envoy/redis.sh, Makefile
//	the gRPC and admin listeners        server/listen.go, server/internal/admin
//	strict configuration                server/internal/config
//	tokens                              pkg/authn
//	targets                             pkg/target
//	the shipped policy                  rego/weir, rego/weir/settings.yaml
//	meters                              pkg/window, pkg/redisstore
//	coverage                            pkg/coverage, pkg/redisstore/coverage.go
//	documents of corpora                pkg/distinct, pkg/redisstore/documents.go, pkg/guard/corpus.go
//	attempts, and marks of rules        pkg/guard/attempts.go, pkg/policy/flags.go
//	model versions                      pkg/registry, pkg/redisstore/registry.go, pkg/dialect/objectnames.go, pkg/guard/registry.go, server/models.go
//	stores of objects                   pkg/dialect/store.go, pkg/artifact, pkg/redisstore/artifact.go, pkg/guard/object.go, server/internal/extproc/recognise.go
//	redirects between guarded hosts     pkg/target/lead.go, pkg/authn/redirect.go, pkg/guard/leave.go, server/redirects.go, server/internal/extproc/redirect.go
//	masks                               pkg/vector, pkg/dialect, server/internal/extproc/seal.go, server/internal/config/maskkeys.go
//	journal and spans                   pkg/audit, server/internal/telemetry
//	deployments                         envoy/*.yaml, server/internal/extproc/plan.go, pkg/guard/ticket.go
//	the demo                            examples/01-quickstart; sealed vectors: 03-sealed-vectors
//	identity, limits, policy by example examples/04-identity-providers, 05-when-redis-fails, 09-policy
//	stores of models by example         examples/06-model-weights (S3), 07-hugging-face, 08-mlflow, 10-model-versions
//	docker compose                      docker-compose.yml
package server
