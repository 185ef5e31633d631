"""Answers about live events."""

from pydantic import BaseModel, ConfigDict, Field


class TicketAnswer(BaseModel):
    """A ticket and where to use it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ticket": "pVbF0aJfQkq3yC8hT1m2XrWn5LdZsEo7uGiK9vBx4Yc",
                    "expires_in": 30,
                    "url": "ws://localhost:8000/ws/0193fb5e-8c4a-7d10-9b1e-5a0c2f6d7e80",
                }
            ]
        }
    )

    ticket: str = Field(description="Opens one connection, as the sub-protocol `ticket.` followed by it")
    expires_in: int = Field(description="Seconds within which to connect")
    url: str = Field(description="Address of the WebSocket")
