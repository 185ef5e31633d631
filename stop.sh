#!/usr/bin/env bash
# Stops the platform: services first, the databases last.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/backend"

if [ ! -x ../.venv/bin/python ]; then
  echo "Nothing was running."
  exit 0
fi
exec ../.venv/bin/python -m launcher down
