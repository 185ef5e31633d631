#!/usr/bin/env bash
# Starts the platform and waits until it is ready.
#   ./start.sh [--demo] [--no-frontend] [--foreground]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

./setup.sh
cd backend
exec ../.venv/bin/python -m launcher up "$@"
