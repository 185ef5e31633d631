#!/usr/bin/env bash
# Checks the Python SDK: lint, types and all tests, in an environment of its own. Arguments go to pytest.
# The tests start a platform; AGENTOBS_TEST_GATEWAY=http://… names one that runs already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# The packages of frameworks that the tests trace are no part of what users or the platform's services install.
stamp=.venv/installed-requirements-dev.lock
if ! cmp -s requirements-dev.lock "$stamp" || ! .venv/bin/python -c '' 2>/dev/null; then
  echo "  installing $(grep -c == requirements-dev.lock) packages"
  ../.venv/bin/python -m venv --clear --without-pip .venv
  install=(../.venv/bin/python -m pip --python .venv/bin/python install --quiet --disable-pip-version-check --no-input --no-compile --no-deps)
  "${install[@]}" -r requirements-dev.lock
  "${install[@]}" --no-build-isolation --editable .
  cp requirements-dev.lock "$stamp"
fi

.venv/bin/ruff check .
.venv/bin/ruff format --check --quiet .
MYPYPATH=tests .venv/bin/mypy agent_observability examples tests
exec .venv/bin/python -m pytest -q "$@"
