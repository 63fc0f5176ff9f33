# make help lists what there is. Everything runs on a fresh clone; the tools are pinned in go.mod (tool lines) or by checksum (envoy/fetch.sh).
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help build demo test lint bench fuzz attacks

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
FUZZTIME ?= 10s
KEEP ?=
WEIR ?= .bin/weir
OPA := go tool opa
REGAL := go tool -modfile=.regal/go.mod regal

help:
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  \1\t\2/' | expand -t 10

build: ## build .bin/weir, one static binary
	@mkdir -p .bin
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.buildVersion=$(VERSION)' -o .bin/weir ./server/cmd/weir

demo: build ## walk through Weir on this machine: real Envoy, nothing to set up (KEEP=1 leaves it running)
	@go build -o .bin/quickstart ./examples/01-quickstart
	@ENVOY=$$(envoy/fetch.sh) && export ENVOY WEIR='$(WEIR)' KEEP='$(KEEP)' && \
	  set -m && .bin/quickstart && exit 0 # by set -m, Ctrl-C is the demo's alone: make would end with an error

test: ## run all tests, with a real Envoy and a real Redis
	@if [ -d rego/weir ]; then $(OPA) test rego/weir rego/cookbook rego/template; fi
	@go build -C integration/testdata/servers/versitygw -o /dev/null tool || true # takes minutes once; the tests say what is missing
	@ENVOY=$$(envoy/fetch.sh) && REDIS_SERVER=$$(envoy/redis.sh) && export ENVOY REDIS_SERVER && \
	  go test -race -shuffle=on -timeout 25m ./...
	GOEXPERIMENT=simd go test ./pkg/scan ./pkg/vector

lint: ## check formatting, go vet, staticcheck, go.mod, and the policies
	@out=$$(go tool gofumpt -l .) && if [ -n "$$out" ]; then echo "run 'go tool gofumpt -w .' on:"; echo "$$out"; exit 1; fi
	go vet ./...
	go tool staticcheck ./...
	go mod tidy -diff
	@if [ -d rego/weir ]; then set -x; \
	  $(OPA) fmt --fail --list rego/weir rego/cookbook rego/template; \
	  $(OPA) check --strict --schema rego/schemas/input.json rego/weir rego/cookbook rego/template; \
	  $(REGAL) lint rego/weir rego/cookbook rego/template; fi

bench: build ## run the benchmarks, then print each speed goal against what was measured
	@REDIS_SERVER=$$(envoy/redis.sh) && export REDIS_SERVER WEIR='$(CURDIR)/.bin/weir' && set -x && \
	  go test -run '^$$' -bench . -benchtime 100ms -benchmem ./pkg/... ./server/... ./integration/bench
	GOEXPERIMENT=simd go build -o .bin/bench-simd ./integration/bench
	@ENVOY=$$(envoy/fetch.sh) REDIS_SERVER=$$(envoy/redis.sh) WEIR=.bin/weir go run ./integration/bench .bin/bench-simd

fuzz: ## run every fuzz target for FUZZTIME (default 10s)
	@failed=; for dir in $$(grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -r -n1 dirname | sort -u); do \
	  for target in $$(go test -list '^Fuzz' $$dir | grep '^Fuzz'); do \
	    echo "$$dir $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$dir || failed="$$failed $$dir/$$target"; done; done; \
	  [[ -z $$failed ]] || { echo "failed:$$failed" >&2; exit 1; }

attacks: ## attack every mask with real vectors and write the figures to pkg/vector/STRENGTH.md (a minute or two)
	go test ./pkg/vector/attack -count=1 -timeout 30m -v -update
