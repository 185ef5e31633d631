"""What an invented agent is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from db.generate.catalogue import Model
from db.generate.story import Scene, encode


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent, who uses it, and how often.

    ``share`` is its part of all traces; ``turns`` weighs sessions of one, two, … traces; ``users`` is a prefix and the
    size of its audience, or None for an agent that no person talks to. ``outcome`` names what a session is to achieve
    and the least and most it is worth in USD.
    """

    name: str
    service: str
    share: float
    rhythm: str
    turns: tuple[float, ...]
    models: tuple[tuple[Model, float], ...]
    play: Callable[[Scene], None]
    users: tuple[str, int] | None
    tags: tuple[str, ...]
    releases: tuple[str, ...]
    root: str | None = None
    tools: str = ""
    outcome: tuple[str, float, float] | None = None

    @property
    def mean_turns(self) -> float:
        """Return how many traces a session has on average."""
        return sum(turn * weight for turn, weight in enumerate(self.turns, 1)) / sum(self.turns)


def tool_definitions(*tools: tuple[str, str, Sequence[str]]) -> str:
    """Return the JSON text of tools given by name, description and names of their arguments."""
    return encode(
        [
            {
                "type": "function",
                "name": name,
                "description": description,
                "parameters": {
                    "type": "object",
                    "properties": {argument: {"type": "string"} for argument in arguments},
                    "required": list(arguments),
                },
            }
            for name, description, arguments in tools
        ]
    )
