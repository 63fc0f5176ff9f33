package telemetry

// Every metric and attribute name of Weir. A name is never given another meaning.

// Metrics. Those that end in _total only grow; _seconds and _bytes are their units; the rest are plain numbers.
const (
	MetricDecisions       = "weir_decisions_total"       // exchanges by target, kind, verdict, enforced, entry
	MetricPhase           = "weir_phase_seconds"         // histogram: time taken, by phase (phases below)
	MetricObserved        = "weir_observed_total"        // exchanges of which something was only observed, by what would have been done, and target
	MetricFlags           = "weir_flags_total"           // exchanges that rules have marked, by flag and target
	MetricUndecided       = "weir_undecided_total"       // Weir could not decide and refused, by cause
	MetricAuthFailures    = "weir_auth_failures_total"   // tokens missing or refused, by cause
	MetricRefusedAnswers  = "weir_refused_answers_total" // upstream answers held back, by cause
	MetricUnattested      = "weir_unattested_total"      // exchanges on a connection not (yet) seen to honour a mode override
	MetricOverrideIgnored = "weir_override_ignored_total"
	MetricObservability   = "weir_observability_mode_total" // exchanges over a filter in observability_mode, which enforces nothing
	MetricPanics          = "weir_panics_total"
	MetricStreams         = "weir_streams"            // ext_proc streams open now
	MetricReleased        = "weir_released_total"     // what left, by unit: requests, documents, bytes, vectors, vectors_masked
	MetricOvershoot       = "weir_overshoot_total"    // what left beyond what was granted, by unit; should stay 0
	MetricBodyMemory      = "weir_body_memory_bytes"  // request bodies held now
	MetricJournalRecords  = "weir_journal_records"    // number of the last durable record
	MetricJournalQueue    = "weir_journal_queue"      // records that wait for the disk
	MetricJournalSegments = "weir_journal_segments"   // files
	MetricJournalBytes    = "weir_journal_bytes"      // size of the files
	MetricJournalFree     = "weir_journal_free_bytes" // free space of their file system; absent when it cannot be told
	MetricJournalFailed   = "weir_journal_failed"     // 1 when the journal takes no more records
	MetricShipLag         = "weir_ship_lag_records"   // durable records not yet shipped, by sink
	MetricShipOldest      = "weir_ship_oldest_unshipped_seconds"
	MetricShipFailures    = "weir_ship_failures_total"
	MetricShipSkipped     = "weir_ship_skipped_total" // records that could not be read
	MetricStoreUp         = "weir_store_up"           // 1 when the counters can be reached
	MetricPolicyInfo      = "weir_policy_info"        // 1, by revision
	MetricPolicyLoaded    = "weir_policy_loaded_timestamp_seconds"
	MetricPolicyFailures  = "weir_policy_reload_failures_total"
	MetricBuildInfo       = "weir_build_info" // 1, by version
)

// Metric labels.
const (
	LabelTarget   = "target"
	LabelKind     = "kind"
	LabelVerdict  = "verdict"
	LabelEnforced = "enforced"
	LabelEntry    = "entry"
	LabelPhase    = "phase"
	LabelCause    = "cause"
	LabelFlag     = "flag"
	LabelWould    = "would"
	LabelUnit     = "unit"
	LabelSink     = "sink"
	LabelRevision = "revision"
	LabelVersion  = "version"
)

// phases are the steps of an exchange that are timed; another one counts as "other".
var phases = [...]string{"admit", "authenticate", "policy", "reserve", "journal", "respond", "extend", "finish", "other"}

// Spans: one per completion record, and one per decision record as its child.
const (
	SpanPrefix = "weir "       // then class and target, such as "weir embed openai-embeddings"
	SpanDecide = "weir decide" // from the request to the decision
	ScopeName  = "github.com/weirgate/weir"
)

// Span attributes. Those without "weir." are OpenTelemetry's. They are the names that audit records use (audit.Fields) and mean the same;
// counts have no unit of their own but what their name says, bytes are bytes.
const (
	AttrDecision        = "weir.decision.id"
	AttrReplica         = "weir.replica"
	AttrEntry           = "weir.entry"
	AttrRequestID       = "weir.envoy.request_id"
	AttrMethod          = "http.request.method"
	AttrStatus          = "http.response.status_code"
	AttrHost            = "server.address"
	AttrPath            = "url.path"
	AttrSource          = "client.address"
	AttrPeer            = "weir.peer"
	AttrProtocol        = "weir.protocol"
	AttrUserID          = "user.id"
	AttrUserName        = "user.name"
	AttrUserEmail       = "user.email"
	AttrUserRoles       = "user.roles"
	AttrActorType       = "weir.actor.type"
	AttrActorChain      = "weir.actor.chain"
	AttrActorOwner      = "weir.actor.owner"
	AttrCredential      = "weir.credential.id"
	AttrTarget          = "weir.target"
	AttrTargetKind      = "weir.target.kind"
	AttrTenant          = "weir.target.tenant"
	AttrSensitivity     = "weir.target.sensitivity"
	AttrDialect         = "weir.target.dialect"
	AttrOperation       = "weir.operation"
	AttrGenAIOperation  = "gen_ai.operation.name" // "embeddings" for class embed
	AttrModel           = "gen_ai.request.model"
	AttrCollection      = "weir.collection"
	AttrObject          = "weir.object"
	AttrRange           = "weir.object.range"
	AttrInto            = "weir.object.into"
	AttrArtifact        = "weir.object.artifact"
	AttrVersion         = "weir.object.version"
	AttrSize            = "weir.object.size"   // bytes
	AttrOffset          = "weir.object.offset" // bytes
	AttrLength          = "weir.object.length" // bytes
	AttrRecognised      = "weir.object.recognised"
	AttrFormat          = "weir.object.format"
	AttrCarried         = "weir.redirect.capability" // the weir.credential.id of what follows the redirect
	AttrLeaveTarget     = "weir.capability.target"
	AttrLeaveObject     = "weir.capability.object"
	AttrCoverageSubject = "weir.coverage.subject.after" // share of the object, 0 to 1
	AttrCoverageGroup   = "weir.coverage.group.after"
	AttrCorpusDocuments = "weir.corpus.documents"
	AttrCorpusRead      = "weir.corpus.read.after" // distinct documents of it that the subject has had in 30 days
	AttrAttemptsHour    = "weir.attempts.hour"
	AttrAttemptsDay     = "weir.attempts.day"
	AttrObjectClass     = "weir.object.sensitivity"
	AttrModelState      = "weir.object.state"
	AttrModelVersion    = "weir.object.model"
	AttrPromotedBy      = "weir.object.promoted_by"
	AttrAskedVectors    = "weir.asked.vectors" // -1: unbounded
	AttrAskedDims       = "weir.asked.dims"
	AttrAskedDocuments  = "weir.asked.documents"
	AttrAskedBytes      = "weir.asked.bytes"
	AttrVerdict         = "weir.verdict"
	AttrEnforced        = "weir.enforced"
	AttrMode            = "weir.mode"
	AttrRule            = "weir.rule.id"
	AttrReason          = "weir.reason"
	AttrFlags           = "weir.flags" // names; the two that follow have which rule, and why, at the same places
	AttrFlagRules       = "weir.flags.rules"
	AttrFlagReasons     = "weir.flags.reasons"
	AttrRefusal         = "weir.refusal.kind"
	AttrErrorType       = "error.type"
	AttrRevision        = "weir.policy.version"
	AttrDetail          = "weir.refusal.detail" // why a token was refused
	AttrFault           = "weir.policy.fault"   // the rule in which evaluation failed
	AttrMask            = "weir.mask.vectors"
	AttrRecordMode      = "weir.record.mode"
	AttrReservedPrefix  = "weir.reserved." // then the unit
	AttrVolumePrefix    = "weir.volume."   // then the unit: what left
	AttrVolumeDims      = "weir.volume.dims"
	AttrUndeclared      = "weir.vectors.undeclared" // where the API has none
	AttrEmptied         = "weir.fields.emptied"
	AttrVectorFloats    = "weir.vectors.bytes.floats" // bytes of vectors, by how they were written
	AttrVectorInts      = "weir.vectors.bytes.ints"
	AttrVectorBase64    = "weir.vectors.bytes.base64"
	AttrVectorSparse    = "weir.vectors.bytes.sparse"
	AttrVectorText      = "weir.vectors.bytes.text"
	AttrVectorBinary    = "weir.vectors.bytes.binary"
	AttrOutcome         = "weir.outcome"
	AttrMeasured        = "weir.measured"
	attrServiceName     = "service.name"
	attrServiceVersion  = "service.version"
	attrServiceInstance = "service.instance.id"
	defaultServiceName  = "weir"
	genAIEmbeddings     = "embeddings"
	nothing             = "none"  // label value for what is not there, such as the target of an unmatched request
	tooMany             = "other" // label value for what would be one value too many
	maxChildren         = 4096    // label combinations per metric
)
