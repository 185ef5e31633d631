"""Sorting of incoming mail by one call of a model; a program without instrumentation that sends flat traces."""

from db.generate.agents.base import Agent
from db.generate.catalogue import GEMINI_FLASH, GPT_4O_MINI
from db.generate.story import Scene

_SUBJECTS = (
    ("Invoice 2231 is wrong", "billing", "normal"),
    ("Cannot log in since this morning", "access", "high"),
    ("Feature request: export as spreadsheet", "product", "low"),
    ("Production is down for all our users", "incident", "urgent"),
    ("Cancellation of our subscription", "retention", "high"),
    ("Question about data retention", "legal", "normal"),
    ("Partnership proposal", "sales", "low"),
)


def play(scene: Scene) -> None:
    """Sort one message."""
    subject, queue, priority = scene.rng.choice(_SUBJECTS)
    body = f"Subject: {subject}\n\nHello, please see the subject. We rely on this and would be glad of a quick answer."
    scene.session.facts.update(input=scene.hear(body), queue=queue, priority=priority)
    scene.llm("Sort this message.", [{"role": "user", "content": body}], f"{queue}/{priority}", hidden_tokens=120)
    scene.answer = f'{{"queue": "{queue}", "priority": "{priority}"}}'


AGENT = Agent(
    name="ticket-triage",
    service="mail-gateway",
    share=0.06,
    rhythm="office",
    turns=(1.0,),
    models=((GPT_4O_MINI, 0.6), (GEMINI_FLASH, 0.4)),
    play=play,
    users=None,
    tags=("triage",),
    releases=("1.1.0",),
)
