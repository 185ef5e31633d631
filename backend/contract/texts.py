"""The words of the document that belong to no single operation."""

from gateway.app.live.frames import DEGRADED, READY, RECOVERED, RESYNC
from gateway.app.live.hub import (
    CLOSE_FORBIDDEN,
    CLOSE_MISBEHAVED,
    CLOSE_RESTARTING,
    CLOSE_TOO_MANY,
    CLOSE_TRY_LATER,
    CLOSE_UNAUTHORIZED,
)
from shared.streams.events import EVENTS


def _listed(*names: str) -> str:
    return ", ".join(f"`{name}`" for name in names)


TITLE = "Agent Observability Platform"
VERSION = "1.0"

INFO = """
Everything the platform does is reached here, through the gateway.

**Credentials.** `Authorization: Bearer …` with an access token or an API key, `X-API-Key: …`, the bare key in
`Authorization`, or Basic with the key as password. A credential belongs to one workspace. Every operation takes
`workspace_id` as a parameter and refuses another workspace than the credential's with 403; objects of another
workspace are 404.

**Forms.** JSON in UTF-8, names in snake_case, times RFC 3339 with zone, money in USD, durations in
milliseconds, integers beyond 2^53 as text. Answers about accounts, keys and sending are bare objects; all
others hold `status`, `data` and `meta`, lists `pagination` as well. Fields may be added to answers.

**Errors** hold a stable `code`, a sentence and the fields concerned. OpenTelemetry's addresses answer its
`Status` in the encoding of the request.

**Limits.** `X-RateLimit-Limit`, `-Remaining` and `-Reset` say how much is left. Sending counts spans,
everything else requests. After 429 and 503, `Retry-After` says how many seconds to wait.

**Request ids.** Every answer carries `X-Request-ID`, taken over from the request when it has 8 to 64 letters,
digits or `_.:-`.

**Idempotency.** Any POST may carry `Idempotency-Key`: within 24 hours the same key and body get the same
answer.
"""

LIVE = f"""

**Live events.** `POST /api/v1/ws-ticket` gives a ticket for one connection within 30 seconds. Connect a
WebSocket to the address it gives, `/ws/{{workspace_id}}`, with the sub-protocols `v1` and `ticket.` followed by
the ticket. Each frame is a JSON object with `id`, `event`, `data` and `time`. Events are {_listed(*EVENTS)};
`{READY}` comes first, `{RESYNC}` says that events may be missing, `{DEGRADED}` and `{RECOVERED}` that none come
for a while and that they come again. After a break, `?last_event_id=` goes on behind the event of that id. The
server closes with {CLOSE_UNAUTHORIZED} without a valid ticket or once it no longer counts, {CLOSE_FORBIDDEN}
for another workspace, {CLOSE_TOO_MANY} beyond the number of connections, {CLOSE_MISBEHAVED} for messages it
does not take, {CLOSE_RESTARTING} when it stops and {CLOSE_TRY_LATER} when a client reads too slowly.
"""

# Names that mean the same at every address, for parameters that say nothing of themselves.
PARAMETERS: dict[str, str] = {
    "agent_id": "Repeated: any of the values.",
    "cost_source": "Where the cost comes from. Repeated: any of the values.",
    "cursor": "`pagination.cursor` of the page before.",
    "environment": "Repeated: any of the values.",
    "fields": "Only these fields, repeated or separated by commas.",
    "kind": "Kind of a span. Repeated: any of the values.",
    "limit": "Most items of a page.",
    "model": "Repeated: any of the values.",
    "provider": "Repeated: any of the values.",
    "sort": "Order; a minus sign turns it around.",
    "status": "Repeated: any of the values.",
    "trace_id": "As sent, percent-encoded.",
}
BOUNDS: dict[str, str] = {"min_": "At least this much.", "max_": "At most this much."}

TAGS: dict[str, str] = {
    "auth": "Registration, log-in, sessions and the own account.",
    "api keys": "Keys of a workspace: what may send and read without a user.",
    "workspaces": "Workspaces of the caller, and the one of the credential.",
    "team": "Members, roles and invitations.",
    "live": "Tickets for live events over WebSocket.",
    "sending": "Traces, spans, scores, feedback and outcomes in the platform's own JSON.",
    "opentelemetry": "OTLP over HTTP, at every address that exporters end up at.",
    "ingestion": "What became of what was sent: receipts, health, dead letters.",
    "traces": "Lists, search, trees and payloads of traces.",
    "views": "Filters and columns that are kept under a name.",
    "sessions": "Conversations: traces that share a session.",
    "users": "Users of the agents, as their traces name them.",
    "agents": "Agents, as their traces name them.",
    "home": "Numbers of the first page, what happens, and what stands out.",
    "metrics": "Numbers by any measure and dimension.",
    "usage": "How much is called, by whom and when.",
    "cost": "What was spent on which models, and the budget.",
    "prices": "Prices of models, overrides of a workspace, and pricing stored spans again.",
    "performance": "Latency, throughput and errors.",
    "analytics": "Cost, performance, quality and models over longer ranges.",
    "quality": "Scores and feedback over time.",
    "exports": "Files of traces.",
    "jobs": "Work that goes on behind a request.",
    "health": "Whether the gateway runs and what it reaches.",
}
