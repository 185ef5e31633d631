#!/usr/bin/env bash
# Starts the platform and waits until it is ready.
#   ./start.sh [--demo] [--no-frontend] [--foreground]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

case " $* " in
  *" --no-frontend "*) ./setup.sh --no-frontend ;;
  *) ./setup.sh ;;
esac
cd backend
exec ../.venv/bin/python -m launcher up "$@"
