"""Bodies of requests and answers."""

from typing import Literal, Self

from pydantic import BaseModel

ReceiptState = Literal["queued", "stored", "partial", "rejected", "dead_lettered"]


class Receipt(BaseModel):
    """What became of the items of one request; while it is queued, nothing has been counted yet."""

    state: ReceiptState
    received: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: int = 0
    dead_lettered: int = 0
    reasons: dict[str, int] = {}

    @classmethod
    def of_counts(
        cls, received: int, stored: int, duplicate: int, rejected: int, dead_lettered: int, reasons: dict[str, int]
    ) -> Self:
        """Return the receipt of a request that was processed."""
        state: ReceiptState = "partial"
        if stored + duplicate == received:
            state = "stored"
        elif rejected == received:
            state = "rejected"
        elif dead_lettered == received:
            state = "dead_lettered"
        return cls(
            state=state,
            received=received,
            stored=stored,
            duplicate=duplicate,
            rejected=rejected,
            dead_lettered=dead_lettered,
            reasons=reasons,
        )
