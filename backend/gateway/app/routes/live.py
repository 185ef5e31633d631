"""Live events: tickets, and the sockets that they open."""

import asyncio
import contextlib
import random
import time
import uuid
from collections.abc import Coroutine
from typing import Any

from fastapi import APIRouter, Depends, Request, WebSocket
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect, WebSocketState

from gateway.app.dependencies import Caller, Gateway, GatewayDep
from gateway.app.live.frames import PONG, Frame
from gateway.app.live.hub import (
    CLOSE_FORBIDDEN,
    CLOSE_MISBEHAVED,
    CLOSE_RESTARTING,
    CLOSE_TOO_MANY,
    CLOSE_TRY_LATER,
    CLOSE_UNAUTHORIZED,
    Close,
    LiveSocket,
)
from gateway.app.live.requests import MisbehavedError, Ping, Requests
from gateway.app.models.live import TicketAnswer
from gateway.app.tickets import TICKET_SECONDS
from shared.auth.permissions import Permission
from shared.errors import ForbiddenError, NotFoundError, UnauthorizedError
from shared.http.guard import GuardedRoute, guarded, require
from shared.http.middleware import translate
from shared.http.schema import problems
from shared.streams.events import EventId

PROTOCOL = "v1"
_TICKET_PREFIX = "ticket."
_RESTARTING = Close(CLOSE_RESTARTING, "the server restarts; connect again and resume")

router = APIRouter(tags=["live"], route_class=GuardedRoute)


@router.post(
    "/api/v1/ws-ticket",
    dependencies=[Depends(require(Permission.READ))],
    responses=problems(400, 401, 403, 422, 429, 503),
    summary="A ticket for one WebSocket with live events",
)
async def create_ws_ticket(request: Request, caller: Caller, gateway: GatewayDep) -> TicketAnswer:
    """Return a ticket that opens one connection to the credential's workspace, within 30 seconds.

    Connect to `url` with the sub-protocols `v1` and `ticket.` followed by the ticket. The connection ends with the
    credential: an access token's when it expires, anyone's when access is withdrawn.
    """
    grant = gateway.authenticator.grant(request, caller)
    ticket = await gateway.live.tickets.issue(grant)
    url = gateway.settings.live_url + caller.workspace_id
    return TicketAnswer(ticket=ticket, expires_in=TICKET_SECONDS, url=url)


@guarded(Permission.READ)
async def watch_workspace(websocket: WebSocket) -> None:
    """Send what happens in a workspace to whoever has a ticket for it."""
    gateway: Gateway = websocket.app.state.gateway
    _check_origin(websocket, gateway.settings.browser_origins)
    workspace = _parse_workspace(websocket.path_params["workspace_id"])
    opened = await _admit(gateway, websocket, workspace)
    await websocket.accept(subprotocol=PROTOCOL if PROTOCOL in websocket.scope["subprotocols"] else None)
    if isinstance(opened, Close):
        await _close(websocket, opened)
        return
    try:
        # Between the check of the ticket and now the hub did not know whom to close.
        await gateway.live.watch.confirm(opened)
        ending = await _converse(gateway, websocket, opened)
    finally:
        gateway.live.hub.leave(opened)
    if ending is not None:
        await _close(websocket, ending)


router.routes.append(WebSocketRoute("/ws/{workspace_id}", endpoint=watch_workspace))


def _check_origin(websocket: WebSocket, allowed: list[str]) -> None:
    origins = websocket.headers.getlist("origin")
    if origins and (len(origins) > 1 or origins[0].lower() not in allowed):
        raise ForbiddenError("Pages of this origin may not connect.", code="foreign_origin")


def _parse_workspace(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise NotFoundError from error


async def _admit(gateway: Gateway, websocket: WebSocket, workspace: str) -> LiveSocket | Close:
    if websocket.app.state.draining:
        return _RESTARTING
    protocols: list[str] = websocket.scope["subprotocols"]
    tickets = [name.removeprefix(_TICKET_PREFIX) for name in protocols if name.startswith(_TICKET_PREFIX)]
    try:
        grant = await gateway.live.tickets.redeem(tickets[0]) if len(tickets) == 1 else None
        if grant is None:
            await gateway.authenticator.count_anonymous(websocket)
            return Close(CLOSE_UNAUTHORIZED, "a valid ticket is needed")
        if grant.workspace_id != workspace:
            return Close(CLOSE_FORBIDDEN, "the ticket is for another workspace")
        socket = await gateway.live.watch.admit(grant)
    except UnauthorizedError:
        return Close(CLOSE_UNAUTHORIZED, "the credential is no longer accepted")
    except ForbiddenError:
        return Close(CLOSE_FORBIDDEN, "the credential does not allow to read")
    except Exception as error:
        problem = translate(error)
        if problem is None:
            raise
        return Close(CLOSE_TOO_MANY if problem.status == 429 else CLOSE_TRY_LATER, problem.message)
    if not gateway.live.hub.admit(socket):
        return Close(CLOSE_TOO_MANY, "too many connections")
    return socket


async def _converse(gateway: Gateway, websocket: WebSocket, socket: LiveSocket) -> Close | None:
    """Run a connection; return how to end it, None when the client has left."""
    tasks = [
        _spawn(_send(gateway, websocket, socket, _last_event(websocket))),
        _spawn(_receive(websocket, socket)),
    ]
    try:
        ends: list[asyncio.Future[Any]] = [*tasks, socket.closing]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done() and not isinstance(task.exception(), WebSocketDisconnect | None):
                await task
        return socket.closing.result() if socket.closing.done() else None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _spawn(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    return asyncio.get_running_loop().create_task(work)


def _last_event(websocket: WebSocket) -> EventId | None:
    text = websocket.query_params.get("last_event_id")
    if not text:
        return None
    try:
        return EventId.parse(text)
    except ValueError:
        # What nobody has sent is as old as can be.
        return EventId(0, 0)


async def _send(gateway: Gateway, websocket: WebSocket, socket: LiveSocket, after: EventId | None) -> None:
    for frame in await gateway.live.hub.join(socket, after):
        await websocket.send_text(frame.text)
    while True:
        frame = await socket.outbox.take()
        await websocket.send_text(frame.text)
        socket.sent_at = time.monotonic()


async def _receive(websocket: WebSocket, socket: LiveSocket) -> None:
    requests = Requests()
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        try:
            asked = requests.read(message.get("text"))
        except MisbehavedError as error:
            socket.close(CLOSE_MISBEHAVED, str(error))
            return
        if isinstance(asked, Ping):
            socket.tell(Frame(PONG, {}))
        elif not socket.outbox.want(asked.events):
            socket.close(CLOSE_TRY_LATER, "you read too slowly; connect again and resume")


async def _close(websocket: WebSocket, ending: Close) -> None:
    if websocket.application_state != WebSocketState.CONNECTED:
        return
    # The client may be gone, and have been told everything.
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await websocket.close(ending.code, ending.reason)


async def close_all(gateway: Gateway) -> None:
    """Close every socket at a moment of its own, so that clients do not all come back at once."""
    sockets = gateway.live.hub.sockets
    if not sockets:
        return
    random.shuffle(sockets)
    pause = gateway.settings.live_close_seconds / len(sockets)
    for socket in sockets:
        socket.close(_RESTARTING.code, _RESTARTING.reason)
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))
