"""Which sockets watch which workspace, and what each of them is told."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from gateway.app.live.frames import DEGRADED, READY, RECOVERED, RESYNC, Frame
from gateway.app.live.outbox import Outbox
from gateway.app.tickets import Grant
from shared.streams.events import Event, EventId, Kept

HEARTBEAT_SECONDS = 25

CLOSE_RESTARTING = 1012
CLOSE_TRY_LATER = 1013
CLOSE_MISBEHAVED = 1008
CLOSE_UNAUTHORIZED = 4401
CLOSE_FORBIDDEN = 4403
CLOSE_TOO_MANY = 4429


class SourceUnavailableError(Exception):
    """Events cannot be listened to or read at the moment."""


class Source(Protocol):
    """Where events come from; it calls ``deliver``, ``lost`` and ``recovered`` of the hub."""

    async def subscribe(self, workspace: str) -> None:
        """Return when every event published from now on will be delivered.

        Raises:
            SourceUnavailableError: They will be once the source is back.
        """

    def unsubscribe(self, workspace: str) -> None:
        """Stop listening."""

    async def read(self, workspace: str, after: EventId | None = None, until: EventId | None = None) -> Kept:
        """Return what is kept of a workspace.

        Raises:
            SourceUnavailableError: It cannot be read.
        """


@dataclass(frozen=True, slots=True)
class Close:
    """How a socket ends."""

    code: int
    reason: str


class LiveSocket:
    """One connection; it ends when ``closing`` has a result."""

    def __init__(self, grant: Grant, expires_at: float) -> None:
        """Describe a connection.

        Args:
            grant: Whose it is.
            expires_at: When the credential ends, in seconds since the Unix epoch.
        """
        self.grant = grant
        self.expires_at = expires_at
        self.outbox = Outbox()
        self.sent_at = time.monotonic()
        self.closing: asyncio.Future[Close] = asyncio.get_running_loop().create_future()

    @property
    def workspace(self) -> str:
        """Return the public id of the workspace it watches."""
        return self.grant.workspace_id

    def close(self, code: int, reason: str) -> None:
        """End the connection, for the first reason that is given."""
        if not self.closing.done():
            self.closing.set_result(Close(code, reason))

    def tell(self, frame: Frame) -> None:
        """Send a frame behind those that wait, or end the connection when these are too many."""
        if not self.outbox.offer(frame):
            self.close(CLOSE_TRY_LATER, "you read too slowly; connect again and resume")


@dataclass(slots=True)
class _Channel:
    """A workspace that is watched; ``position`` is behind the last event delivered, None until that is known."""

    position: EventId | None = None
    sockets: set[LiveSocket] = field(default_factory=set)
    joining: int = 0
    opening: "asyncio.Task[None] | None" = None


class Hub:
    """All sockets of the process.

    A socket joins between two events: those up to the channel's position are read from what is kept, if it asks for
    them, and those behind it are delivered, so that none is missing or doubled.
    """

    def __init__(self, *, per_process: int, per_workspace: int, per_credential: int) -> None:
        self._limits = (per_process, per_workspace, per_credential)
        self._sockets: set[LiveSocket] = set()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._channels: dict[str, _Channel] = {}
        self._source: Source | None = None
        self._is_degraded = True

    def attach(self, source: Source) -> None:
        """Say where events come from."""
        self._source = source

    @property
    def sockets(self) -> list[LiveSocket]:
        """Return all sockets."""
        return list(self._sockets)

    def admit(self, socket: LiveSocket) -> bool:
        """Count a socket in; return False when there are too many of the process, the workspace or the credential."""
        per_process, per_workspace, per_credential = self._limits
        workspace, subject = _counters(socket)
        full = (
            len(self._sockets) >= per_process
            or self._counts[workspace] >= per_workspace
            or self._counts[subject] >= per_credential
        )
        if full:
            return False
        self._sockets.add(socket)
        self._counts.update((workspace, subject))
        return True

    async def join(self, socket: LiveSocket, after: EventId | None) -> list[Frame]:
        """Let a socket watch its workspace.

        Args:
            socket: An admitted socket.
            after: The last event that the client has seen, None to begin now.

        Returns:
            The frames to send before those of the outbox.
        """
        channel = await self._enter(socket)
        floor = channel.position
        if self._is_degraded:
            socket.tell(Frame(DEGRADED, {}))
        if after is None or after == floor:
            return [_ready(socket, floor, resumed=after is not None)]
        kept: Kept | None = None
        if floor is not None:
            with contextlib.suppress(SourceUnavailableError):
                kept = await self._reader.read(socket.workspace, after, floor)
        if kept is None or not kept.complete:
            reason = "unavailable" if kept is None else "too_old"
            return [_ready(socket, floor, resumed=False), Frame(RESYNC, {"reason": reason}, floor)]
        return [_ready(socket, after, resumed=True), *_condensed(kept.events)]

    def leave(self, socket: LiveSocket) -> None:
        """Forget a socket; nothing is delivered to it any more."""
        if socket not in self._sockets:
            return
        self._sockets.discard(socket)
        for counter in _counters(socket):
            self._counts[counter] -= 1
            if self._counts[counter] <= 0:
                del self._counts[counter]
        channel = self._channels.get(socket.workspace)
        if channel is None:
            return
        channel.sockets.discard(socket)
        self._drop_unwatched(socket.workspace, channel)

    def deliver(self, workspace: str, event: Event) -> None:
        """Tell everybody who watches a workspace of an event, unless they were told before."""
        channel = self._channels.get(workspace)
        if channel is None or (channel.position is not None and event.id <= channel.position):
            return
        channel.position = event.id
        frame = Frame.of(event)
        for socket in channel.sockets:
            socket.tell(frame)

    def lost(self) -> None:
        """Tell everybody that events may come late from now on."""
        if self._is_degraded:
            return
        self._is_degraded = True
        for channel in self._channels.values():
            _tell_all(channel.sockets, Frame(DEGRADED, {}))

    def position(self, workspace: str) -> EventId | None:
        """Return the place up to which a workspace's events were delivered, None when it is not known."""
        channel = self._channels.get(workspace)
        return channel.position if channel is not None else None

    def catch_up(self, workspace: str, kept: Kept) -> None:
        """Deliver what was missed while the source was away, or say that it cannot be known."""
        channel = self._channels.get(workspace)
        if channel is None:
            return
        if channel.position is not None and kept.complete:
            for event in kept.events:
                self.deliver(workspace, event)
            channel.position = max(channel.position, kept.position)
            return
        channel.position = kept.position
        _tell_all(channel.sockets, Frame(RESYNC, {"reason": "missed"}, kept.position))

    def recovered(self) -> None:
        """Tell everybody that nothing is missing and events come at once again."""
        self._is_degraded = False
        for channel in self._channels.values():
            _tell_all(channel.sockets, Frame(RECOVERED, {}))

    @property
    def _reader(self) -> Source:
        if self._source is None:
            raise SourceUnavailableError
        return self._source

    async def _enter(self, socket: LiveSocket) -> _Channel:
        workspace = socket.workspace
        channel = self._channels.get(workspace)
        if channel is None:
            channel = self._channels[workspace] = _Channel()
            channel.opening = asyncio.get_running_loop().create_task(self._open(workspace, channel))
        channel.joining += 1
        try:
            if channel.opening is not None:
                # Whoever gives up waiting must not end it for the others.
                await asyncio.shield(channel.opening)
            channel.sockets.add(socket)
        finally:
            channel.joining -= 1
            self._drop_unwatched(workspace, channel)
        return channel

    async def _open(self, workspace: str, channel: _Channel) -> None:
        try:
            await self._reader.subscribe(workspace)
            position = (await self._reader.read(workspace)).position
            # The connection that delivers may have been faster than the one that reads.
            channel.position = max(position, channel.position or position)
        except SourceUnavailableError:
            pass
        finally:
            channel.opening = None
            self._drop_unwatched(workspace, channel)

    def _drop_unwatched(self, workspace: str, channel: _Channel) -> None:
        if channel.sockets or channel.joining or channel.opening is not None:
            return
        if self._channels.get(workspace) is not channel:
            return
        del self._channels[workspace]
        if self._source is not None:
            self._source.unsubscribe(workspace)


def _counters(socket: LiveSocket) -> Iterator[tuple[str, str]]:
    yield "workspace", socket.workspace
    yield socket.grant.principal, socket.grant.subject_id


def _ready(socket: LiveSocket, position: EventId | None, *, resumed: bool) -> Frame:
    data = {"workspace_id": socket.workspace, "resumed": resumed, "heartbeat_seconds": HEARTBEAT_SECONDS}
    return Frame(READY, data, position)


def _tell_all(sockets: Iterable[LiveSocket], frame: Frame) -> None:
    for socket in sockets:
        socket.tell(frame)


def _condensed(events: Iterable[Event]) -> list[Frame]:
    frames: list[Frame] = []
    for event in events:
        frame = Frame.of(event)
        if frames and frame.is_traces and frames[-1].is_traces:
            frames[-1] = frames[-1].joined(frame)
        else:
            frames.append(frame)
    return frames
