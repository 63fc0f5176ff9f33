#!/usr/bin/env bash
# Prints the path of a redis-server (6.2 or later) for the tests, installing Debian's package where it may.
#
#   1. REDIS_SERVER=/path/to/redis-server, when set;
#   2. redis-server on PATH;
#   3. apt-get install redis-server, when root on a Debian system.
#
# Only the path goes to standard output; everything else goes to standard error.
set -euo pipefail

say() { printf 'envoy/redis.sh: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

recent() {
  [[ $("$1" --version 2>/dev/null) =~ v=([0-9]+)\.([0-9]+) ]] || return 1
  (( BASH_REMATCH[1] > 6 || (BASH_REMATCH[1] == 6 && BASH_REMATCH[2] >= 2) ))
}

if [[ -n ${REDIS_SERVER:-} ]]; then
  [[ -x $REDIS_SERVER ]] || fail "REDIS_SERVER=$REDIS_SERVER is not an executable file"
  recent "$REDIS_SERVER" || fail "REDIS_SERVER=$REDIS_SERVER is not Redis 6.2 or later"
  printf '%s\n' "$REDIS_SERVER"
  exit 0
fi

if ! command -v redis-server >/dev/null; then
  hint="install Redis 6.2 or later (Debian: apt-get install redis-server; macOS: brew install redis), or set REDIS_SERVER=/path/to/redis-server"
  command -v apt-get >/dev/null || fail "no redis-server on PATH: $hint"
  [[ $(id -u) == 0 ]] || fail "no redis-server on PATH, and installing it needs root: $hint"
  say "installing Debian's redis-server"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -qq && apt-get install -qq -y --no-install-recommends redis-server; } >&2 || fail "apt-get could not install redis-server: $hint"
fi
found=$(command -v redis-server) || fail "redis-server is installed but not on PATH"
recent "$found" || fail "$found is older than Redis 6.2: set REDIS_SERVER=/path/to/redis-server"
printf '%s\n' "$found"
