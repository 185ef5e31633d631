"""Strands Agents: Bedrock-style content in span events, time to first token in whole milliseconds."""

from shared.normalisation.values import number

FIRST_TOKEN_KEY = "gen_ai.server.time_to_first_token"


def read_first_token(value: object) -> float | None:
    """Return milliseconds: whole numbers are milliseconds already, fractions are the conventions' seconds."""
    count = number(value)
    if count is None:
        return None
    return count if isinstance(value, int) else count * 1000
