#!/usr/bin/env bash
# Sees to it that the servers that tests need are there: as root it installs what
# is missing (Debian), as anybody else it says what is missing and fails.
set -euo pipefail
cd "$(dirname "$0")/.."

PATH=$PATH:/usr/sbin

# need PACKAGE TEST…: the package is missing if the test fails.
missing=()
need() {
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}
any() { compgen -G "$1"; }

need gcc command -v gcc
need postgresql any '/usr/lib/postgresql/*/bin/initdb'
need postfix command -v postfix
need sasl2-bin command -v saslpasswd2
need libsasl2-modules any '/usr/lib/*/sasl2/libscram.so'
need libsasl2-modules-db any '/usr/lib/*/sasl2/libsasldb.so'
need chromium command -v chromium
need fonts-dejavu-core any '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf'
need nodejs command -v node
need npm command -v npm

install_missing() {
  if [ "$(id -u)" -ne 0 ]; then
    echo "The tests need packages that are not installed. As root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  if ! command -v apt-get >/dev/null; then
    echo "The tests need ${missing[*]}, and there is no apt-get here to install them." >&2
    exit 1
  fi
  echo "Installing for the tests: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # The tests start servers of their own; the packages shall not start theirs.
  export RUNLEVEL=1
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
if [ ${#missing[@]} -gt 0 ]; then
  install_missing
fi

# The OpenID provider that tests sign in at, in the versions of its lock file. It lies where internal/oidctest looks for
# it; the lock file is copied last, so that an installation that broke off is none.
provider=internal/oidctest
installed=${XDG_CACHE_HOME:-$HOME/.cache}/heliograph-tests/oidc-provider
if ! cmp -s "$provider/package-lock.json" "$installed/package-lock.json"; then
  echo "Installing for the tests: the OpenID provider"
  fresh=$(mktemp -d)
  trap 'rm -rf "$fresh"' EXIT
  cp "$provider/package.json" "$provider/package-lock.json" "$fresh/"
  npm ci --prefix "$fresh" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
  rm -rf "$installed"
  mkdir -p "$installed"
  cp -r "$fresh/package.json" "$fresh/node_modules" "$installed/"
  cp "$fresh/package-lock.json" "$installed/"
fi
