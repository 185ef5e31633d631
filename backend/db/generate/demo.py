"""The demo workspace: its user, its key and its traces, made once through the gateway's public API."""

import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from db.generate.progress import progress
from db.generate.requests import build_requests
from db.generate.rhythm import DAY_NS
from db.generate.sender import Sender, SendError
from db.generate.traffic import Traffic

DEFAULT_EMAIL = "demo@example.com"

_FILE = "demo.json"
_PROJECT = Path(__file__).resolve().parents[3]
_RESUMABLE_NS = 30 * DAY_NS


@dataclass(slots=True)
class Demo:
    """What has to be known to find the demo again; kept in a file that only its owner can read.

    ``until_ns`` anchors the times and ids of the traces, so that sending them once more changes nothing.
    """

    email: str
    password: str
    seed: int
    traces: int
    until_ns: int
    workspace_id: str = ""
    api_key: str = ""
    complete: bool = False


def demo_file(environment: Mapping[str, str]) -> Path:
    """Return the place of the demo's file in the data folder; a relative folder counts from the project."""
    folder = Path(environment.get("AGENTOBS_DATA_DIR") or ".data").expanduser()
    return Path(os.path.abspath(_PROJECT / folder)) / _FILE


async def make_demo(url: str, file: Path, email: str, traces: int, seed: int, concurrency: int) -> bool:
    """Make the demo workspace and fill it, unless it is there already; print how to get in.

    Returns:
        Whether traces were sent.

    Raises:
        SendError: The gateway cannot be reached or refuses what the demo needs.
    """
    demo = _read(file) or Demo(email, f"{secrets.token_urlsafe(15)}-Demo7", seed, traces, time.time_ns())
    # Written before the user exists, since nobody could find out a lost password.
    _write(file, demo)
    async with _client(url) as client:
        await _enter(client, demo, file)
        filled = demo.complete and await _holds_traces(client, demo)
    if not filled:
        await _fill(url, demo, file, concurrency)
    verb = "made" if not filled else "was there already"
    print(f"\nThe demo workspace {verb}: {demo.traces:,} traces of 30 days.")
    print(f"  gateway   {url}\n  login     {demo.email}\n  password  {demo.password}\n  API key   {demo.api_key}")
    return not filled


async def _enter(client: aiohttp.ClientSession, demo: Demo, file: Path) -> None:
    """Sign in, registering the user first if need be, and make sure of the key."""
    credentials = {"email": demo.email, "password": demo.password}
    status, body = await _call(client, "POST", "/api/v1/auth/login", json=credentials)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
        account = {**credentials, "full_name": "Demo User", "workspace_name": "Demo"}
        status, body = await _call(client, "POST", "/api/v1/auth/register", json=account)
        if status == HTTPStatus.CONFLICT:
            raise SendError(f"{demo.email} exists, but its password is not the one in {file}")
        # A fresh install knows nothing of what an earlier one held.
        demo.api_key, demo.complete = "", False
    _expect(status, body, "signing in")
    client.headers["Authorization"] = f"Bearer {body['access_token']}"
    workspace = str(body["workspace"]["id"])
    if workspace != demo.workspace_id:
        demo.workspace_id, demo.api_key, demo.complete = workspace, "", False
    if not demo.api_key:
        key = {"name": "demo", "scopes": ["ingest", "read"]}
        status, body = await _call(client, "POST", "/api/v1/api-keys", json=key)
        _expect(status, body, "creating the API key")
        demo.api_key = str(body["key"])
    _write(file, demo)


async def _holds_traces(client: aiohttp.ClientSession, demo: Demo) -> bool:
    status, body = await _call(client, "GET", "/api/v1/traces", params={"range": "90d", "limit": "1"})
    _expect(status, body, "reading traces")
    return bool(body["data"])


async def _fill(url: str, demo: Demo, file: Path, concurrency: int) -> None:
    if demo.complete or time.time_ns() - demo.until_ns > _RESUMABLE_NS:
        demo.until_ns, demo.complete = time.time_ns(), False
        _write(file, demo)
    requests = build_requests(Traffic(demo.traces, demo.seed, demo.until_ns))
    async with Sender(url, demo.api_key, concurrency) as sender:
        with progress("sending traces", demo.traces) as advance:
            sent = await sender.send(requests, advance)
        with progress("storing requests", len(sent.receipts)) as advance:
            await sender.wait_until_stored(sent, advance)
    lost = {state: number for state, number in sent.states.items() if state != "stored"}
    if lost or sent.rejected:
        raise SendError(f"not everything was stored: {lost or ''} {sent.rejected} spans rejected")
    demo.complete = True
    _write(file, demo)


@asynccontextmanager
async def _client(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(total=30)) as client:
        try:
            yield client
        except aiohttp.ClientError as error:
            raise SendError(f"{url} does not answer: {error}") from error


async def _call(client: aiohttp.ClientSession, method: str, path: str, **options: Any) -> tuple[int, dict[str, Any]]:
    async with client.request(method, path, **options) as response:
        return response.status, await response.json(content_type=None)


def _expect(status: int, body: dict[str, Any], task: str) -> None:
    if status >= HTTPStatus.BAD_REQUEST:
        raise SendError(f"{task} failed with {status}: {body.get('error', {}).get('message', '')}")


def _read(file: Path) -> Demo | None:
    try:
        return Demo(**json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise SendError(f"{file} cannot be read: {error}") from error


def _write(file: Path, demo: Demo) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        json.dump(asdict(demo), handle, indent=2)
    draft.replace(file)
