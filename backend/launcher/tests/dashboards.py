"""A small stand-in for the dashboard's sources, built and served by Python in the place of Node."""

import sys
from pathlib import Path

from launcher.dashboard import Dashboard

_BUILDER = """
import shutil
from pathlib import Path

if "broken" in Path("src/page.tsx").read_text():
    raise SystemExit("page.tsx: this cannot be compiled")
with open("builds", "a") as log:
    log.write("built\\n")
shutil.rmtree(".next", ignore_errors=True)
for folder in (".next/static", ".next/standalone/.next"):
    Path(folder).mkdir(parents=True)
Path(".next/static/chunk.js").write_text("chunk")
Path(".next/standalone/server.js").write_text(Path("src/server.py").read_text())
"""
_SERVER = """
import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(dict(os.environ)).encode())


ThreadingHTTPServer((os.environ["HOSTNAME"], int(os.environ["PORT"])), Handler).serve_forever()
"""


def write_frontend(folder: Path) -> Dashboard:
    """Write sources whose builder is Python, and return their dashboard."""
    for name in ("package.json", "package-lock.json", "next.config.ts", "postcss.config.mjs", "tsconfig.json"):
        (folder / name).write_text("{}")
    builder = folder / "node_modules" / "next" / "dist" / "bin" / "next"
    builder.parent.mkdir(parents=True)
    builder.write_text(_BUILDER)
    (folder / "src").mkdir()
    (folder / "src" / "page.tsx").write_text("a page")
    (folder / "src" / "server.py").write_text(_SERVER)
    return Dashboard(Path(sys.executable), folder)
