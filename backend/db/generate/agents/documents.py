"""Extraction from incoming documents, mostly at night: a classifier hands over to an extractor, that to a reviewer."""

from datetime import UTC, date, datetime, timedelta

from db.generate.agents.base import Agent
from db.generate.catalogue import GPT_41_MINI, LLAMA_OWN, MISTRAL_LARGE
from db.generate.story import SECOND_NS, Scene, encode, message

_CLASSIFY = "You name the type of a business document: invoice, delivery note, contract, claim or other. One word."
_EXTRACT = "You extract the fields of a document as JSON with the keys of the schema. Unknown fields are null."
_REVIEW = "You compare extracted fields with the document and answer 'ok' or name the wrong field."
_TEXTS = {
    "invoice": (
        "INVOICE {number}\nSupplier: {company}\nDate: {date}\nPosition 1  Maintenance, yearly  {net} EUR\n"
        "VAT 19 %  {vat} EUR\nTotal  {total} EUR\nPayable within 30 days without deduction."
    ),
    "delivery note": (
        "DELIVERY NOTE {number}\nFrom: {company}\nShipped: {date}\n12 x bearing 6204, 3 x belt A38, 1 x housing\n"
        "Gross weight 41.5 kg. Please check for damage on arrival."
    ),
    "claim": (
        "DAMAGE REPORT {number}\nPolicy: {policy}\nDate of damage: {date}\nWater came through the ceiling of the "
        "store room; carpets and two computers were damaged. Estimated loss {total} EUR."
    ),
    "contract": (
        "SERVICE AGREEMENT {number}\nbetween {company} and the operator of site {policy}, from {date} on, for an "
        "initial term of 24 months, fee {net} EUR a month, notice three months to the end of a quarter."
    ),
}
_COMPANIES = ("Hartmann Pumpen GmbH", "Atelier Lune SARL", "Nordvik Shipping AS", "Terra Foods S.p.A.", "Blue Kiln Ltd")


def play(scene: Scene) -> None:
    """Work on one document."""
    rng = scene.rng
    kind = rng.choice(list(_TEXTS))
    net = rng.uniform(80, 9_000)
    values: dict[str, str] = {
        "number": f"{rng.randint(10_000, 99_999)}",
        "company": rng.choice(_COMPANIES),
        "policy": f"P-{rng.randint(1000, 9999)}",
        "date": _some_days_before(scene).isoformat(),
        "net": f"{net:.2f}",
        "vat": f"{net * 0.19:.2f}",
        "total": f"{net * 1.19:.2f}",
    }
    text = scene.hear(_TEXTS[kind].format(**values))
    document = f"s3://inbox/{values['number']}.pdf"
    scene.tool("read_document", {"uri": document, "pages": rng.randint(1, 6)}, text, 1.8)
    with scene.agent("document-classifier"):
        scene.llm(_CLASSIFY, [message("user", text)], kind, model=LLAMA_OWN, hidden_tokens=80, temperature=0.0)
    fields = {"type": kind, "number": values["number"], "date": values["date"], "total": values["total"]}
    with scene.agent("document-extractor"):
        scene.llm(_EXTRACT, [message("user", text)], encode(fields), hidden_tokens=700, temperature=0.0)
        valid = rng.random() > 0.05
        scene.guardrail("schema-check", encode(fields), "passed" if valid else "failed: total is not a number")
        if not valid:
            scene.llm(_EXTRACT, [message("user", text)], encode(fields), hidden_tokens=900, temperature=0.0)
    with scene.agent("document-reviewer"):
        scene.llm(_REVIEW, [message("user", f"{text}\n\n{encode(fields)}")], "ok", hidden_tokens=120, temperature=0.0)
    scene.tool("store_record", {"collection": kind, "record": fields}, {"stored": True}, 0.12)
    scene.answer = encode(fields)


def _some_days_before(scene: Scene) -> date:
    return datetime.fromtimestamp(scene.now_ns / SECOND_NS, UTC).date() - timedelta(days=scene.rng.randint(1, 40))


AGENT = Agent(
    name="document-pipeline",
    service="document-intake",
    share=0.12,
    rhythm="nightly",
    turns=(1.0,),
    models=((MISTRAL_LARGE, 0.45), (GPT_41_MINI, 0.55)),
    play=play,
    users=None,
    tags=("extraction", "batch"),
    releases=("0.7.4", "0.8.0"),
)
