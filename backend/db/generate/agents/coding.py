"""A coding agent: reads, searches, changes and tests a repository; many calls whose prompts grow and are cached."""

from db.generate.agents.base import Agent, tool_definitions
from db.generate.catalogue import CLAUDE_SONNET, GPT_5, GPT_41
from db.generate.story import Failure, Message, Scene, message

_SYSTEM = (
    "You are a software engineer working in a checked-out repository. Read before you change. Keep changes small. Run "
    "the tests after every change and stop when they pass. Never touch files outside the repository."
)
_TASKS = (
    "The {thing} endpoint returns 500 when the {field} is missing; it should be 422.",
    "Add pagination to the list of {thing}s, 50 a page, sorted by {field}.",
    "The {thing} importer reads the {field} twice and is slow on large files. Find out why and fix it.",
    "Write tests for the validation of {field} in {thing}.",
    "Replace the hand-written retry in the {thing} client by the library we already depend on.",
    "Rename {field} to {field}_at in {thing} and write the migration.",
)
_THINGS = ("invoice", "subscription", "shipment", "tenant", "webhook", "report", "coupon")
_FIELDS = ("created", "currency", "deadline", "region", "version", "checksum")
_SOURCE = '''"""{Thing}s: validation and storage."""

from app.errors import InvalidRequest
from app.storage import Table

{thing}s = Table("{thing}s")


def create_{thing}(payload: dict) -> dict:
    {field} = payload["{field}"]
    if not {field}:
        raise InvalidRequest("{field} is required")
    row = {{"{field}": {field}, "state": "new", **payload.get("extra", {{}})}}
    return {thing}s.insert(row)


def list_{thing}s(limit: int = 50, after: str | None = None) -> list[dict]:
    return {thing}s.select(order="{field}", limit=limit, after=after)
'''
_PATCH = """--- a/app/{thing}.py
+++ b/app/{thing}.py
@@ -9,3 +9,4 @@
-    {field} = payload["{field}"]
+    {field} = payload.get("{field}")
     if not {field}:
+        log.info("missing {field}")
         raise InvalidRequest("{field} is required")
"""
_PASSED = "{n} passed in {s:.1f}s"
_FAILED = "FAILED tests/test_{thing}.py::test_{field} - KeyError: '{field}'\n1 failed, {n} passed in {s:.1f}s"


def play(scene: Scene) -> None:
    """Work on one task, or on a remark about the work so far."""
    rng, session = scene.rng, scene.session
    if not session.facts:
        thing = rng.choice(_THINGS)
        session.facts.update(thing=thing, Thing=thing.capitalize(), field=rng.choice(_FIELDS))
        session.facts["task"] = rng.choice(_TASKS).format(**session.facts)
    facts = session.facts
    remarks = ("Please add a test for the empty case as well.", "The linter complains about the import.", "Now commit.")
    task = scene.hear(rng.choice(remarks) if session.turn else facts["task"])
    conversation: list[Message] = [*session.history[-4:], message("user", task)]
    path = f"app/{facts['thing']}.py"
    hidden = rng.randint(4_000, 18_000)

    def think(name: str, arguments: dict[str, object]) -> None:
        nonlocal hidden
        scene.llm(_SYSTEM, conversation, (name, arguments), hidden_tokens=hidden, temperature=0.0)
        conversation.append(message("assistant", f"Calling {name} on {next(iter(arguments.values()))}."))
        hidden += rng.randint(400, 2_500)

    def read(
        name: str, arguments: dict[str, object], result: str, seconds: float, error: Failure | None = None
    ) -> None:
        think(name, arguments)
        scene.tool(name, arguments, result, seconds, error)
        conversation.append(message("tool", result[:600]))

    pattern = facts["field"]
    read("search", {"pattern": pattern}, f"{path}:10: {pattern} = payload\n{path}:20: order={pattern}", 0.15)
    read("read_file", {"path": path}, _SOURCE.format(**facts), 0.02)
    rounds = rng.choices((1, 2, 3), (0.55, 0.3, 0.15))[0]
    for attempt in range(1, rounds + 1):
        patch = _PATCH.format(**facts)
        error = Failure("PatchRejected", f"hunk 1 of {path} does not apply") if rng.random() < 0.06 else None
        read("apply_patch", {"path": path, "patch": patch}, "applied", 0.05, error)
        passes = attempt == rounds
        figures = {"n": rng.randint(30, 240), "s": rng.uniform(2, 45)}
        report = (_PASSED if passes else _FAILED).format(**facts, **figures)
        read("run_tests", {"path": f"tests/test_{facts['thing']}.py"}, report, figures["s"] / 4)
    scene.answer = f"Done: {path} now handles a missing {facts['field']}, and the tests pass."
    scene.llm(_SYSTEM, conversation, scene.answer, hidden_tokens=hidden)
    session.history += [message("user", task), message("assistant", scene.answer)]


AGENT = Agent(
    name="coding-agent",
    service="code-assistant",
    share=0.16,
    rhythm="office",
    turns=(0.5, 0.25, 0.15, 0.1),
    models=((CLAUDE_SONNET, 0.55), (GPT_5, 0.25), (GPT_41, 0.2)),
    play=play,
    users=("dev", 60),
    tags=("coding", "internal"),
    releases=("1.20.0", "1.21.0", "1.21.3", "1.22.0"),
    tools=tool_definitions(
        ("search", "Searches the repository", ["pattern"]),
        ("read_file", "Returns a file", ["path"]),
        ("apply_patch", "Applies a unified diff", ["path", "patch"]),
        ("run_tests", "Runs tests", ["path"]),
    ),
    outcome=("change_merged", 15.0, 90.0),
)
