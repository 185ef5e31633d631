"""Batches: names, headers and bodies of what is on its way to the platform, as docs/sdk/delivery.md describes them."""

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any

TRACES_PATH = "/v1/traces"
REPORTS_PATH = "/api/v1/client-reports"
VERSION = 1
RUN_DIGITS = 12
_NAME = re.compile(
    r"(?P<id>(?P<time>\d{13})-(?P<run>[0-9a-f]{12})-(?P<sequence>\d{8}[ab]*))-(?P<items>\d+)"
    r"(?:\.batch|\.(?P<receipt>[0-9A-Za-z-]{1,64})\.sent)\Z"
)


class DamagedError(Exception):
    """What was kept of a batch cannot be read."""


@dataclass(frozen=True)
class Batch:
    """Where a batch stands: ``receipt`` is there once the platform has accepted it."""

    id: str
    time_ms: int
    run: str
    items: int
    receipt: str | None = None

    @property
    def name(self) -> str:
        """Name of its file."""
        state = "batch" if self.receipt is None else f"{self.receipt}.sent"
        return f"{self.id}-{self.items}.{state}"

    def accepted(self, receipt: str | None) -> "Batch":
        """Return the batch with another receipt, or without one."""
        return replace(self, receipt=receipt)


def parse_name(name: str) -> Batch | None:
    """Return the batch that a file of this name holds, None when it is no name of a batch."""
    found = _NAME.match(name)
    if found is None:
        return None
    return Batch(found["id"], int(found["time"]), found["run"], int(found["items"]), found["receipt"])


@dataclass
class Content:
    """Header and body of a batch."""

    path: str
    body: bytes
    content_type: str
    items: int
    content_encoding: str | None = None
    account: dict[str, Any] | None = field(default=None)

    def encode(self, batch_id: str) -> bytes:
        """Return the content of a file."""
        header: dict[str, Any] = {
            "v": VERSION,
            "id": batch_id,
            "path": self.path,
            "content_type": self.content_type,
            "items": self.items,
            "bytes": len(self.body),
        }
        if self.content_encoding:
            header["content_encoding"] = self.content_encoding
        if self.account is not None:
            header["account"] = self.account
        return json.dumps(header, separators=(",", ":")).encode() + b"\n" + self.body


def decode_content(data: bytes) -> Content:
    """Return what a file holds.

    Raises:
        DamagedError: It is not whole, or not of this form.
    """
    head, _, body = data.partition(b"\n")
    try:
        header = json.loads(head)
        if header["v"] != VERSION or len(body) != header["bytes"] or not str(header["path"]).startswith("/"):
            raise DamagedError
        account = header.get("account")
        if account is not None:
            account = {
                "created": int(account["created"]),
                "sampled": int(account["sampled"]),
                "dropped": {str(reason): int(count) for reason, count in account["dropped"].items()},
            }
        return Content(
            path=str(header["path"]),
            body=body,
            content_type=str(header["content_type"]),
            items=int(header["items"]),
            content_encoding=header.get("content_encoding"),
            account=account,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError from error
