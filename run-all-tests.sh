#!/usr/bin/env bash
# Runs every check: lint, types, import rules, tests with coverage, the dashboard in a browser. Exit code 0 only when all pass.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

./setup.sh --dev

# The tests on TimescaleDB run it as WebAssembly in Node. Without Node they and the dashboard's are skipped, saying so,
# except in CI.
timescale=backend/tests/timescale
has_node=no
if node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null; then
  has_node=yes
  if ! cmp -s "$timescale/package-lock.json" "$timescale/node_modules/.installed-lock"; then
    echo "  installing the packages of $timescale"
    npm ci --prefix "$timescale" --no-audit --no-fund --loglevel=error
    cp "$timescale/package-lock.json" "$timescale/node_modules/.installed-lock"
  fi
elif [ -n "${CI:-}" ]; then
  echo "Node 20 or newer is needed for the tests on TimescaleDB, of the dashboard and of the TypeScript SDK." >&2
  exit 1
else
  echo "  Node 20 or newer not found: the tests on TimescaleDB, of the dashboard and of the TypeScript SDK are skipped"
fi

has_chromium() {
  [ -x /usr/bin/chromium ] || [ -x /usr/bin/chromium-browser ] || [ -x /usr/bin/google-chrome ]
}

if [ "$has_node" = yes ] && ! has_chromium; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "  installing Chromium"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null
  elif [ -n "${CI:-}" ]; then
    echo "Chromium is needed for the tests in a browser." >&2
    exit 1
  else
    echo "  Chromium not found (Debian and Ubuntu: apt install chromium): the tests in a browser are skipped"
  fi
fi

PATH="$PWD/.venv/bin:$PATH"
outputs=$(mktemp -d)
trap 'rm -rf "$outputs"' EXIT
failed=0
summary=()

# The line that says how it went: the last one with a number of tests, or the last at all.
closing_line() {
  local plain
  plain=$(sed $'s/\e\\[[0-9;]*m//g; s/^ *//; s/ *$//; /^$/d' "$1")
  grep -E '[0-9]+ (passed|failed)' <<<"$plain" | tail -n 1 | grep . || tail -n 1 <<<"$plain"
}

check() {
  local name=$1 folder=$2 began=$SECONDS verdict=passed
  shift 2
  echo "== $name"
  (cd "$folder" && "$@") 2>&1 | tee "$outputs/$name" || { verdict=FAILED; failed=1; }
  summary+=("$(printf '%-15s %-7s %4d s  %s' "$name" "$verdict" $((SECONDS - began)) "$(closing_line "$outputs/$name")")")
}

frontend_types() {
  npm run --silent types:check && npm run --silent typecheck
}

typescript_sdk() {
  if ! cmp -s package-lock.json node_modules/.installed-lock; then
    echo "  installing the packages of typescript-sdk"
    npm ci --no-audit --no-fund --loglevel=error
    cp package-lock.json node_modules/.installed-lock
  fi
  npm run --silent check
}

check ruff backend ruff check .
check mypy backend mypy .
check imports backend lint-imports
if [ "$has_node" = yes ]; then
  check frontend-lint frontend npm run --silent lint
  check frontend-types frontend frontend_types
  check frontend-unit frontend npm run --silent test
fi
check pytest backend python -m pytest -n "${PYTEST_WORKERS:-2}" --dist loadgroup -q \
  --cov=. --cov-report=term:skip-covered --cov-fail-under=85 "$@"
check python-sdk python-sdk ./check.sh
if [ "$has_node" = yes ] && has_chromium; then
  check frontend-e2e frontend npm run --silent e2e
fi
if [ "$has_node" = yes ]; then
  check typescript-sdk typescript-sdk typescript_sdk
fi

echo "== summary"
printf '%s\n' "${summary[@]}"
exit "$failed"
