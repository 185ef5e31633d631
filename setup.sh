#!/usr/bin/env bash
# Prepares this checkout: Python environment, dependencies, .env, the dashboard. Running it again changes nothing.
#   ./setup.sh [--dev] [--no-frontend]
#   --dev adds what the tests need and leaves building the dashboard to ./start.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

lock=requirements.lock
dashboard=
for option in "$@"; do
  case "$option" in
    --dev) lock=requirements-dev.lock dashboard=${dashboard:---no-build} ;;
    --no-frontend) dashboard=$option ;;
    *) echo "usage: ./setup.sh [--dev] [--no-frontend]" >&2; exit 2 ;;
  esac
done

# Debian ships Python without ensurepip; its pip can then serve the new environment as well.
has_pip() {
  "$1" -c 'import ensurepip' 2>/dev/null || "$1" -m pip --version >/dev/null 2>&1
}

create_environment() {
  if "$1" -c 'import ensurepip' 2>/dev/null; then
    "$1" -m venv --clear .venv
  else
    "$1" -m venv --clear --without-pip .venv
    "$1" -m pip --python .venv/bin/python install --quiet --disable-pip-version-check --no-input pip
  fi
}

# The newest versions come last: wheels for them may not exist yet.
find_python() {
  local candidate
  for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3 python3.14}; do
    if "$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && has_pip "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  {
    echo "Python 3.11 or newer with venv and pip is needed."
    echo "Install it (Debian and Ubuntu: apt install python3 python3-venv) or name it: PYTHON=/path/to/python ./setup.sh"
  } >&2
  exit 1
}

stamp=".venv/installed-$lock"
if ! cmp -s "backend/$lock" "$stamp" || ! .venv/bin/python -c '' 2>/dev/null; then
  python=$(find_python)
  .venv/bin/python -m pip --version >/dev/null 2>&1 || {
    echo "  creating .venv with $("$python" --version)"
    create_environment "$python"
  }
  echo "  installing $(grep -c == "backend/$lock") packages"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps -r "backend/$lock"
  cp "backend/$lock" "$stamp"
  # The development set holds the other one.
  if [ "$lock" = requirements-dev.lock ]; then cp backend/requirements.lock .venv/installed-requirements.lock; fi
fi

cd backend
exec ../.venv/bin/python -m launcher setup $dashboard
