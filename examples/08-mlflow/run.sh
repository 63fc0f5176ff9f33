#!/usr/bin/env bash
# Runs the example. Needs Go and python3 with pip; fetches Envoy and the Python packages, MLflow among them, the first time.
set -euo pipefail
cd "$(dirname "$0")/../.."
ENVOY=${ENVOY:-$(envoy/fetch.sh)}
export ENVOY
exec go run ./examples/08-mlflow
