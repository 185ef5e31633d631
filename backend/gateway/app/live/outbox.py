"""What one socket still has to be sent: bounded, and told as briefly as possible once it lags behind."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable

from gateway.app.live.frames import SUBSCRIBED, Frame
from shared.streams.events import EVENTS

MAX_WAITING = 256
# Frames about stored traces follow each other no faster; the first of a burst goes out at once.
TRACES_SECONDS = 0.05


class Outbox:
    """Frames in the order in which a socket gets them."""

    def __init__(self, limit: int = MAX_WAITING) -> None:
        self._limit = limit
        self._waiting: deque[Frame] = deque()
        self._filled = asyncio.Event()
        self._wanted: frozenset[str] = frozenset(EVENTS)
        self._traces_sent = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, frame: Frame) -> bool:
        """Add a frame unless the client did not ask for its kind; return False when there is no room for it."""
        if frame.event in EVENTS:
            if frame.event not in self._wanted:
                return True
            if self._absorb(frame):
                return True
        if len(self._waiting) >= self._limit:
            return False
        self._waiting.append(frame)
        self._filled.set()
        return True

    def want(self, events: Iterable[str]) -> bool:
        """Send from now on only these kinds of events, not even those that wait; say so behind what is under way."""
        self._wanted = frozenset(events)
        self._waiting = deque(
            frame for frame in self._waiting if frame.event not in EVENTS or frame.event in self._wanted
        )
        return self.offer(Frame(SUBSCRIBED, {"events": sorted(self._wanted)}))

    async def take(self) -> Frame:
        """Return the next frame, once there is one."""
        while True:
            while not self._waiting:
                self._filled.clear()
                await self._filled.wait()
            if len(self._waiting) > 1 or not self._waiting[0].is_traces:
                break
            pause = self._traces_sent + TRACES_SECONDS - time.monotonic()
            if pause <= 0:
                break
            await asyncio.sleep(pause)
        frame = self._waiting.popleft()
        if frame.is_traces:
            self._traces_sent = time.monotonic()
        return frame

    def _absorb(self, frame: Frame) -> bool:
        if not self._waiting:
            return False
        if frame.is_traces:
            # Only neighbours are joined: a frame stands for everything up to its id.
            if not self._waiting[-1].is_traces:
                return False
            self._waiting[-1] = self._waiting[-1].joined(frame)
            return True
        superseded = frame.supersedes
        if superseded is not None:
            for index, waiting in enumerate(self._waiting):
                if waiting.supersedes == superseded:
                    del self._waiting[index]
                    break
        return False
