#!/usr/bin/env bash
# A policy of one's own, from the first line of a rule to a signed bundle. It needs the weir binary (or Go, to build it) and nothing else.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
weir=${WEIR:-}
if [ -z "$weir" ]; then
  (cd "$here/../.." && go build -o "$work/weir" ./server/cmd/weir)
  weir=$work/weir
fi
cp -r "$here"/. "$work/"
cd "$work"
passed=0 failed=0
step() { # step WHAT WANTED-IN-OUTPUT COMMAND…: runs it, shows it, and looks for the text, whatever the exit code
  local what=$1 want=$2 out
  shift 2
  printf '\n%s\n  $ %s\n' "$what" "$(sed "s#$weir#weir#" <<<"$*")"
  out=$("$@" 2>&1) || true
  sed 's/^/  /' <<<"$out"
  if grep -qF -- "$want" <<<"$out"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "  FAILED: no \"$want\""
  fi
}

step '1. Begin: the shipped policy, and a rule of the cookbook in it.' 'policy holds the shipped policy too' "$weir" policy new drip --like slow_drip --dir policy
mkdir -p policy/rules/night && cp rules/night/* policy/rules/night/
step '2. The rule of rules/night takes part by being there; its test is beside it.' '0 failed' "$weir" policy test policy
step '3. What it decides, and why.' 'rule      weir.rules.night' "$weir" policy eval --config weir.yaml --input ask.json
step '4. What it costs: within the budget.' 'kept' "$weir" policy bench policy --times 15 --budget 1s
head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >key
step '5. A signed bundle of it.' 'signed by HS256' "$weir" policy build policy --out policy.tar.gz --revision night-1 --sign-key key --algorithm HS256
step '6. Weir takes it, under the name that it has.' 'policy night-1@' "$weir" check --config bundle.yaml
printf 'x' >>key
step '7. Under another key it does not.' 'signature' "$weir" check --config bundle.yaml
step '8. A policy that was written for opa-envoy-plugin, as it is.' 'verdict   allow' "$weir" policy eval --config compat.yaml --input envoy.json

printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
