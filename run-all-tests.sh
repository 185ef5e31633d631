#!/usr/bin/env bash
# Runs every check: lint, types, import rules, tests with coverage. Exit code 0 only when all pass.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

./setup.sh --dev

# The tests on TimescaleDB run it as WebAssembly in Node. Without Node they are skipped, saying so, except in CI.
timescale=backend/tests/timescale
if node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null; then
  if ! cmp -s "$timescale/package-lock.json" "$timescale/node_modules/.installed-lock"; then
    echo "  installing the packages of $timescale"
    npm ci --prefix "$timescale" --no-audit --no-fund --loglevel=error
    cp "$timescale/package-lock.json" "$timescale/node_modules/.installed-lock"
  fi
elif [ -n "${CI:-}" ]; then
  echo "Node 20 or newer is needed for the tests on TimescaleDB." >&2
  exit 1
else
  echo "  Node 20 or newer not found: the tests on TimescaleDB are skipped"
fi

cd backend
PATH="$PWD/../.venv/bin:$PATH"
outputs=$(mktemp -d)
trap 'rm -rf "$outputs"' EXIT
failed=0
summary=()

check() {
  local name=$1 began=$SECONDS verdict=passed
  shift
  echo "== $name"
  "$@" 2>&1 | tee "$outputs/$name" || { verdict=FAILED; failed=1; }
  summary+=("$(printf '%-8s %-7s %4d s  %s' "$name" "$verdict" $((SECONDS - began)) "$(grep -v '^ *$' "$outputs/$name" | tail -n 1)")")
}

check ruff ruff check .
check mypy mypy .
check imports lint-imports
check pytest python -m pytest -n "${PYTEST_WORKERS:-2}" --dist loadgroup -q \
  --cov=. --cov-report=term:skip-covered --cov-fail-under=85 "$@"

echo "== summary"
printf '%s\n' "${summary[@]}"
exit "$failed"
