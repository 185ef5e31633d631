#!/usr/bin/env bash
# Shows each process with port, health and memory; exit code 0 when all are healthy.
#   ./status.sh [--json]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/backend"

if [ ! -x ../.venv/bin/python ]; then
  echo "Not set up: run ./start.sh" >&2
  exit 1
fi
exec ../.venv/bin/python -m launcher status "$@"
