"""Ends sockets whose credential has ended, and keeps those alive on which nothing happens."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable

from gateway.app.live.frames import HEARTBEAT, Frame
from gateway.app.live.hub import CLOSE_FORBIDDEN, CLOSE_UNAUTHORIZED, HEARTBEAT_SECONDS, Hub, LiveSocket
from gateway.app.tickets import Grant
from shared.auth.epoch import EpochUnavailableError, RevocationEpoch
from shared.auth.permissions import Permission
from shared.auth.verdicts import VERDICT_SECONDS, Verdict
from shared.errors import ForbiddenError, UnauthorizedError, UnavailableError

_LOOK_SECONDS = 1.0
# Without the epoch nobody says when access was withdrawn.
_BLIND_SECONDS = 4.0

Recheck = Callable[[Grant], Awaitable[Verdict]]


class Watch:
    """Looks every second whether any access was withdrawn, and if so at the credential of every socket."""

    def __init__(self, hub: Hub, epoch: RevocationEpoch, recheck: Recheck) -> None:
        """Build a watch.

        Args:
            hub: Whose sockets are watched.
            epoch: Tells that access was withdrawn.
            recheck: Returns the verdict on a grant, or raises what a request would be answered with.
        """
        self._hub = hub
        self._epoch = epoch
        self._recheck = recheck
        self._seen: bytes | None = None
        self._checked = 0.0

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self._end_expired()
            if await self._is_due():
                await self._check_all()
            self._keep_alive()

    async def admit(self, grant: Grant) -> LiveSocket:
        """Return a socket for a grant.

        Raises:
            UnauthorizedError: The credential is no longer accepted.
            ForbiddenError: It does not allow to read.
            UnavailableError: It cannot be checked at the moment.
        """
        return LiveSocket(grant, await self._judge(grant))

    async def confirm(self, socket: LiveSocket) -> None:
        """Check a socket again that the hub knows of by now, since access may have been withdrawn meanwhile."""
        await self._check(socket.grant, [socket])

    def _end_expired(self) -> None:
        now = time.time()
        for socket in self._hub.sockets:
            if socket.expires_at <= now:
                socket.close(CLOSE_UNAUTHORIZED, "the credential has expired")

    async def _is_due(self) -> bool:
        age = time.monotonic() - self._checked
        try:
            epoch = await self._epoch.current()
        except EpochUnavailableError:
            return age >= _BLIND_SECONDS
        if epoch == self._seen and age < VERDICT_SECONDS:
            return False
        self._seen = epoch
        return True

    async def _check_all(self) -> None:
        self._checked = time.monotonic()
        sockets: defaultdict[Grant, list[LiveSocket]] = defaultdict(list)
        for socket in self._hub.sockets:
            sockets[socket.grant].append(socket)
        await asyncio.gather(*(self._check(grant, group) for grant, group in sockets.items()))

    async def _check(self, grant: Grant, sockets: list[LiveSocket]) -> None:
        try:
            expires_at = await self._judge(grant)
        except UnauthorizedError:
            _close_all(sockets, CLOSE_UNAUTHORIZED, "the credential is no longer accepted")
        except ForbiddenError:
            _close_all(sockets, CLOSE_FORBIDDEN, "the credential no longer allows to read")
        except UnavailableError:
            # What cannot be looked up now is looked up again; until then what was known holds, as for requests.
            self._seen = None
        else:
            for socket in sockets:
                socket.expires_at = expires_at

    async def _judge(self, grant: Grant) -> float:
        verdict = await self._recheck(grant)
        verdict.context.check(Permission.READ)
        return verdict.expires_at

    def _keep_alive(self) -> None:
        now = time.monotonic()
        for socket in self._hub.sockets:
            if now - socket.sent_at > HEARTBEAT_SECONDS and not len(socket.outbox):
                socket.tell(Frame(HEARTBEAT, {}))


def _close_all(sockets: list[LiveSocket], code: int, reason: str) -> None:
    for socket in sockets:
        socket.close(code, reason)
