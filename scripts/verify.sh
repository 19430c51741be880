#!/usr/bin/env bash
# Fails if generating changes any file. The files it wrote stay: they are the right ones.
set -euo pipefail

# The generator and the library that its output calls must be one version.
library=$(go list -m -f '{{.Version}}' github.com/a-h/templ)
generator=$(go tool -modfile=internal/tools/go.mod templ version)
if [ "$library" != "$generator" ]; then
  echo "templ is $library in go.mod and $generator in internal/tools/go.mod: make them the same." >&2
  exit 1
fi

state() {
  find . -path ./.git -prune -o -path ./bin -prune -o -path ./data -prune -o -type f \
    \( -name '*_templ.go' -o -name '*.gen.*' -o -name 'openapi.*' \) -print0 | sort -z | xargs -0r sha256sum
}

before=$(state)
make --no-print-directory generate
after=$(state)
if [ "$before" != "$after" ]; then
  echo "Generated files were not up to date. They are now: look at them and commit them." >&2
  diff <(echo "$before") <(echo "$after") | sed -n 's/^> [0-9a-f]*  /  /p' >&2
  exit 1
fi
