// Package integration tests weir as a whole: the real binary behind the real Envoy, with a real client before them and a real upstream
// behind.
//
// The behaviour is written down as scripts, testdata/*.txtar, one behaviour each. Every script runs in a directory of its own with an
// upstream and an issuer already running, and with these files unless it brings its own: weir.yaml and settings.yaml, from testdata/common.
//
// The files of a script are expanded by "expand FILE…", which replaces ${NAME} by the script's variables: GRPC_PORT, ADMIN_PORT (free ports
// for weir), OTHER_PORT (one for the script's own use), ADMIN (weir's admin URL), UPSTREAM_PORT, ISSUER (a URL), WORK (the directory),
// WEIR (the binary, for "exec $WEIR … &"). Further variables: ENVOY_URL once Envoy runs, REDIS_URL once Redis does, DECISION after an
// answer with a weir-decision header.
//
// Commands, besides those of testscript (exec, cmp, stdout, stderr, grep, exists, …):
//
//	expand FILE…                  replaces ${NAME} in the files
//	weir serve ARG…               starts weir and waits until it is ready. -e NAME=VALUE before it is one more variable of its environment
//	weir [-code N] ARG…           runs any other subcommand to its end, which is to be exit code N (0)
//	envoy CONFIG [OLD NEW]…       starts Envoy with envoy/CONFIG, or with the script's own file of that name, its text OLD replaced by NEW
//	                              (\n in NEW is a new line)
//	token [FLAG…] NAME [CLAIM=VALUE…]  mints a token into the variable NAME. sub defaults to NAME; groups=a,b; exp=10m (or -1h) from now; an
//	                              empty VALUE takes a claim away, and one that begins with { is JSON. Flags: -alg RS256|ES256|EdDSA|none|HS256, -head NAME=VALUE,
//	                              -forged (with the issuer's name and key ID, and somebody else's key)
//	issuer rotate|close|status CODE|withdraw ALG|revoke TOKEN|keys FILE  replaces all keys; ends the issuer; has it answer with that status
//	                              (200: properly again); withdraws one key; has its introspection say no of a token; writes its key set to a file
//	http [FLAG…] METHOD URL       sends a request and prints the answer: status, headers in order of name, body. A URL that begins with /
//	                              goes to Envoy. Flags: -cert NAME (over TLS, with the certificate NAME.crt; "none": without one), -h2, -host NAME, -follow (redirects, all hosts being Envoy), -from ADDRESS, -until REGEXP (asks until the body matches, for ten seconds at most), -token NAME, -token-bytes N (that much nonsense), -H 'name: value', -d BODY, -f FILE, -o FILE,
//	                              -shape SHAPE (see harness.Shape), -n COUNT (that many at once; prints how many of each status).
//	                              -timeout D, -background: does not wait; "answer" does, and prints it.
//	                              -any (also of answer) takes a whole answer, a cut one, or none.
//	                              "! http" (or "! answer") wants no answer, or one that is cut short, and prints what came.
//	call [FLAG…] METHOD TEXT…     makes a gRPC call through Envoy with a message for each text and prints the answers and the status with its details.
//	                              The messages are TEI's, or for Qdrant's Search "COLLECTION:QUERY". Flags: -token NAME, -n COUNT (of each message),
//	                              -pingpong (the next waits for the answer to the last), -gzip, -shape compressed or answer=HEX, -limit N,
//	                              -vectors (of a search), -last (searches by the first vector of the last call), -x (prints answers in
//	                              hexadecimal), -timeout D
//	raw                           the last answer holds a raw sentinel vector; "! raw": not a single component
//	evade MASKED RAW TABLE…       tries each row of tables of answers that try to get a vector past the mask (type evasion in evasion_test.go), as
//	                              the one token's bearer, whose vectors are masked, at once and a byte at a time, and as the other's
//	drive MASK MASKED RAW TABLE…  sends each row of tables of golden exchanges (type golden in drive_test.go) as the one token's bearer, whose
//	                              vectors are masked so, and as the other's, and compares what comes, and what is booked
//	stored TOKEN WORDS TABLE…     sends each row of tables of exchanges with stores (type kept in stored_test.go) as the token's bearer, with these
//	                              words of justification, and compares what comes, and what the journal says of it
//	deliver [-secret FILE] [-id ID] [-age D] FILE URL  sends the event in a file, signed with the secret in another (mlflow.secret) as MLflow signs
//	                              it, some time ago, and prints the answer
//	prover                        makes a client with a key; JKT is its thumbprint, for a token's cnf
//	proof NAME METHOD URL TOKEN [CLAIM=VALUE…]  makes the client's proof (DPoP) for a request with a token
//	attack PATH                   sends every forged token of authntest.Forgeries: each gets 401 for its own reason, counted as that in the metrics,
//	                              and no piece of it is in the answer, in the log (of level debug) or in the journal (directory audit)
//	poll [-token NAME] URL REGEXP asks until the answer matches, for ten seconds at most
//	envoystats clean              no spurious, failed or rejected ext_proc message so far
//	envoystats REGEXP             prints these counters
//	upstream                      prints the requests that reached the upstream, or "nothing"
//	upstream -body FILE           writes the body of the last request with "-shape keep", as it reached the upstream, to a file
//	redis [COMMAND ARG…]          starts a Redis, or starts it again, empty, on the same port; or gives it a command that it answers by OK. Such
//	                              a script begins with "[!redis] skip"
//	collector                     starts an OpenTelemetry collector for traces (OTLP_GRPC, OTLP_HTTP: its URLs; OTLP_GRPC_PORT), or has one
//	                              that was ended take spans again, with what it had
//	spans [-n COUNT] [REGEXP]     waits until so many (1) spans that match have come to it, for ten seconds at most, and prints them, one line of
//	                              JSON each (harness.Span)
//	shipped DIR                   waits until all of the journal in DIR has come as spans, and compares each with its record
//	terminate|crash|hang|resume NAME  ends weir, envoy, upstream, collector or redis with SIGTERM or SIGKILL; stops it in its tracks; lets it go on
//	drain weir                    sends SIGTERM and does not wait
//	ended NAME CODE               waits until the child has ended, with that exit code
//	hup weir                      has it read policy, settings, keys and certificates again (SIGHUP)
//	certs                         writes certificates: ca.crt, and .crt and .key of weir, envoy, stranger (of that authority, with the URI
//	                              spiffe://weir.example/NAME) and outsider (of another one, with envoy's URI); x5t_NAME: the SHA-256 of each,
//	                              as a token's cnf has it
//	remember NAME REGEXP          sets the variable NAME to what the last output holds at the regexp's first group
//	said [-n COUNT] NAME REGEXP   waits until the child has logged that (so often), for ten seconds at most, and prints the lines
package integration
