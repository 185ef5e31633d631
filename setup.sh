#!/usr/bin/env bash
# Prepares this checkout: Python environment, dependencies, .env. Running it again changes nothing.
#   ./setup.sh [--dev]      --dev adds what the tests need
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

lock=requirements.lock
case "${1:-}" in
  "") ;;
  --dev) lock=requirements-dev.lock ;;
  *) echo "usage: ./setup.sh [--dev]" >&2; exit 2 ;;
esac

# The newest versions come last: wheels for them may not exist yet.
find_python() {
  local candidate
  for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3 python3.14}; do
    if "$candidate" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  {
    echo "Python 3.11 or newer with the venv module is needed."
    echo "Install it (Debian and Ubuntu: apt install python3 python3-venv) or name it: PYTHON=/path/to/python ./setup.sh"
  } >&2
  exit 1
}

stamp=".venv/installed-$lock"
if ! cmp -s "backend/$lock" "$stamp" || ! .venv/bin/python -c '' 2>/dev/null; then
  python=$(find_python)
  .venv/bin/python -m pip --version >/dev/null 2>&1 || {
    echo "  creating .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
  }
  echo "  installing $(grep -c == "backend/$lock") packages"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps -r "backend/$lock"
  cp "backend/$lock" "$stamp"
  # The development set holds the other one.
  if [ "$lock" = requirements-dev.lock ]; then cp backend/requirements.lock .venv/installed-requirements.lock; fi
fi

cd backend
exec ../.venv/bin/python -m launcher setup
