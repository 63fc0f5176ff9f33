// Package redisstore keeps sliding windows, hand-overs, coverage, counts of documents, what objects are, pins and model versions in Redis (6.2 or
// later, or a fork that speaks like it), for replicas that must count as one. It is the twin of pkg/window.Memory, pkg/handover.Memory,
// pkg/coverage.Memory, pkg/distinct.Memory, pkg/artifact.Memory and pkg/registry.File, passes their suites, and answers random calls as they do.
//
// # What it owns
//
// All keys in Redis that begin with "weir:". T is the hash of a tenant, H that of what the key is kept for (the first half of a SHA-256,
// base64url): no name stands in Redis, but in the registry of model versions, which has those of models, of their objects, and of the people who
// changed them. A tenant's keys share the hash tag {T}, so that a Redis Cluster keeps them on one node. L is the longest window, one slot and one
// tick, 31 days by default, or Config.Coverage where that is longer: 90 days in Weir.
//
//	name                 type    content                                                     lives for
//	weir:{T}:epoch       string  the tenant's epoch; when the latest tick seen began         L + 24 h from the last tick,
//	                                                                                         or step of coverage
//	weir:{T}:tick        string  nothing: the latest tick has not ended                      until it ends
//	weir:{T}:claim:H     string  "n" (new), "o" (open) or "c" (closed), what is charged in   48 h from the last change,
//	                             total; while open each charge's tick and volume, at most 64 10 min once closed
//	weir:{T}:meter:H     string  the head of a meter key: stamp of the windows, tick, what   L from the tick of the last change
//	                             came since it began, the total of each window without it
//	weir:{T}:slots:H     string  "2", then every window of the meter key: width of a slot,   a minute more than its head
//	                             number of slots, totals, and the slots that count something
//	weir:{T}:cover:H     string  what has left of an object to a holder: time of the last    Config.Coverage from the last
//	                             commit, a bitmap of 128 bytes                               commit
//	weir:{T}:covering:H  string  open claims on that, at most 1,024: hash of the claim,      1 min from the last claim
//	                             when it lapses, first slot, slot behind the last
//	weir:{T}:registry    hash    the document of model versions and its revision; T is that   for good
//	                             of no tenant
//	weir:{T}:documents:H string  what is known of a corpus and a subject: the last day seen,  32 d from the last claim
//	                             the day of each sketch, open claims, at most 256
//	…:documents:H:all    string  the HyperLogLog of all days that count, and of each of 31,  32 d from the last
//	…:documents:H:0 to 30        at its number modulo 31                                     commit
//	…:documents:H:now    string  none but while a script runs
//	weir:{T}:artifact:H  string  what an object is: time of the last look, and class, format   24 h from the last look,
//	                             and figures as JSON                                         give or take one
//	weir:{T}:sight:H     string  what was seen of an object that nobody knows: time of the   24 h from the last look,
//	                             last look, and at most 160 KiB, sealed (artifact.go)        give or take one
//	weir:{T}:sights      zset    of which objects that is kept, at most 1,024, by when       24 h from the last piece
//	weir:handover:H      string  an admission on its way, for one use                        as told to Put
//	weir:once:H          string  nothing: a proof (DPoP) that was shown                      as told to First
//	weir:pin:H           string  the version of an object that a redirect led to             as told to Pin
//	weir:epoch           string  the epoch of the whole Redis                                L + 24 h from the last check
//	weir:probe           string  nothing: shows that Redis can be written to                 1 min
//	weir:accept-amnesia  string  an operator's word, or weir limits rebuild's; see below     as the operator says, 24 h
//
// Every step of a claim is one script (lua/, called by its digest and sent again where Redis forgot it): all or nothing, at one time, the
// server's. What is charged goes to the heads of the meters; their slots are touched once in a tick (window.Tick: 7.5 s by default), and
// where something is taken back from an earlier one. A tenant's tick never runs back: what was seen last holds until the clock has caught up.
// All numbers are doubles, little-endian. Lua has no others: counts are exact up to 2^53, a larger volume is refused, and a larger maximum is
// read as 2^53. Time is told in microseconds, where memory has nanoseconds.
//
// A window is known by its length. One that is new to the configuration starts empty. One that only other replicas keep is counted by all
// from the moment it is there; a meter forgets it when it was not charged for the length of its longest window.
//
// # What it trusts
//
// Redis, to run what it is sent, and to lose nothing unseen. It answers with what was there before:
//
//   - It must not evict: Run and Ready ask for maxmemory-policy noeviction (by INFO, on every master) and all calls are refused otherwise
//     with label store_evicts.
//
//   - It must not be emptied or replaced. Every script compares the tenant's epoch, and Run, Ready and the first call that of the whole Redis,
//     with what was seen; where it is gone or another one, calls are refused with label store_amnesiac. That lasts until the right
//     Redis is back, or an operator accepts what there is:
//
//     SET weir:accept-amnesia <a word not there before> EX 86400
//
//     Each replica that runs Run then forgets the epochs that it has seen, once for each new word, and counting goes on from what Redis
//     holds and what the replica itself counted in its last seconds (see below). A restart does not: what was seen is in a file
//     (Config.Remember). A replica that does not run while the word stands wants one of its own.
//
// The bounds of that: a process that has no such file (the first ever), or has not seen a tenant for as long as anything counts, takes what it
// finds, and makes an epoch where it finds none. A tenant that was seen for the first time in the last seconds (Config.CheckEvery) before a
// process was killed is not in its file. Between the loss and the next check (2 s) a tenant that this process has not seen yet may be counted from
// zero. In a Redis Cluster weir:epoch lies on one node: the loss of another is noticed tenant by tenant.
//
// A Redis that takes over from another one and lags loses what had not reached it, without a change of epoch. Its replication ID is new: a
// connection to such a master is not used before this process has counted there again what it counted in the last 5 s (at most 65,536
// claims). What another process counted is missing until that one has, too, which is at its next call or check; so much may be given twice.
// Where a failover loses a tenant's very first call, that tenant is amnesiac. A connection that was made to a replica of Redis before that
// was promoted is noticed by the next check only.
//
// A user of Redis' ACL needs, and should have, no more than:
//
//	~weir:* +eval +evalsha +mget +get +set +setex +setrange +del +time +getex +getdel +expire +pfadd +pfcount
//	+pfmerge +zadd +zcard +zpopmin +zrem +hget +hset +info
//
// and in a Redis Cluster +cluster +command too.
//
// # What it refuses
//
// Whatever goes wrong is an *authz.Error of KindUnavailable, and denies: store_unavailable (Redis cannot be reached, is too slow, full, a
// replica, too old, or answers nonsense), store_evicts, store_amnesiac, limit_unreadable (a limit names a window that is not kept, or no
// unit), volume_unreadable (a volume below 0 or above 2^53), meters_too_many (more than 255 in one claim), coverage_busy and
// corpus_busy (too many claims are open for one holder and object, or corpus; KindBusy). A call whose answer was lost may have charged: it is safe to repeat, and what is never settled
// stays charged until it leaves its windows. No error and no log line holds the URL, a password, a subject or a token.
package redisstore
