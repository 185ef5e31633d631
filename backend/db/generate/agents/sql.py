"""An analyst that answers questions from a warehouse: finds tables, writes SQL, runs it, explains the figures."""

from db.generate.agents.base import Agent, tool_definitions
from db.generate.catalogue import GEMINI_FLASH, GPT_4O, GPT_41
from db.generate.story import Failure, Scene, message

_SYSTEM = (
    "You answer questions about the business from the warehouse. Write one PostgreSQL query, read only, with explicit "
    "column names and a LIMIT. State the period and the filters in your answer. Do not guess columns."
)
_QUESTIONS = (
    "What was {measure} by {dimension} in the last {period}?",
    "Which {dimension} lost the most {measure} compared with the {period} before?",
    "Show me the ten {dimension}s with the highest {measure} in the last {period}.",
    "Is there a trend in {measure} over the last {period}, and does it differ by {dimension}?",
)
_FOLLOW_UPS = ("Only for new customers, please.", "And as a share of the total?", "Leave out returns.", "Why the dip?")
_MEASURES = {"net revenue": "net_amount", "orders": "order_id", "refunds": "refund_amount", "margin": "margin_amount"}
_DIMENSIONS = ("country", "channel", "category", "warehouse", "campaign")
_PERIODS = ("week", "month", "quarter", "year")
_SCHEMA = (
    "sales.orders(order_id, ordered_at, customer_id, country, channel, net_amount, margin_amount)",
    "sales.refunds(refund_id, order_id, refunded_at, refund_amount, reason)",
    "sales.items(order_id, sku, category, quantity, unit_price, warehouse)",
    "marketing.touches(customer_id, campaign, touched_at)",
)
_QUERY = (
    "SELECT {dimension}, sum({column}) AS value FROM sales.orders JOIN sales.items USING (order_id) "
    "WHERE ordered_at >= now() - interval '1 {period}' GROUP BY {dimension} ORDER BY value DESC LIMIT 10"
)


def play(scene: Scene) -> None:
    """Answer one question."""
    rng, session = scene.rng, scene.session
    if not session.facts:
        measure = rng.choice(list(_MEASURES))
        session.facts.update(
            measure=measure,
            column=_MEASURES[measure],
            dimension=rng.choice(_DIMENSIONS),
            period=rng.choice(_PERIODS),
        )
    facts = session.facts
    question = scene.hear(rng.choice(_FOLLOW_UPS if session.turn else _QUESTIONS).format(**facts))
    session.history.append(message("user", question))
    with scene.chain("find-tables"):
        scene.retrieve("warehouse-schema", question[:300], rng.sample(_SCHEMA, 3))
    query = _QUERY.format(**facts)
    scene.llm(_SYSTEM, session.history, ("run_query", {"sql": query}), hidden_tokens=1500, temperature=0.0)
    if rng.random() < 0.14:
        missing = Failure("UndefinedColumn", f'column "{facts["dimension"]}" is ambiguous')
        scene.tool("run_query", {"sql": query}, "", 0.08, error=missing)
        query = query.replace(f"SELECT {facts['dimension']}", f"SELECT orders.{facts['dimension']}")
        repair = [*session.history, message("tool", missing.message)]
        scene.llm(_SYSTEM, repair, ("run_query", {"sql": query}), hidden_tokens=1700, temperature=0.0)
    rows = [
        {facts["dimension"]: f"{facts['dimension']}-{number}", "value": round(rng.lognormvariate(10, 1), 2)}
        for number in range(1, rng.randint(4, 11))
    ]
    scene.tool("run_query", {"sql": query}, {"rows": rows, "row_count": len(rows)}, rng.lognormvariate(-0.3, 0.9))
    first = rows[0]
    answer = (
        f"For the last {facts['period']}, {facts['measure']} was highest in {first[facts['dimension']]} with "
        f"{first['value']:,}; the table has {len(rows)} rows. Cancelled orders are left out."
    )
    scene.llm(_SYSTEM, [*session.history, message("tool", str(rows)[:900])], answer, hidden_tokens=1600)
    scene.answer = answer
    session.history.append(message("assistant", answer))


AGENT = Agent(
    name="sql-analyst",
    service="insight-api",
    share=0.14,
    rhythm="office",
    turns=(0.4, 0.3, 0.15, 0.1, 0.05),
    models=((GPT_41, 0.4), (GEMINI_FLASH, 0.4), (GPT_4O, 0.2)),
    play=play,
    users=("analyst", 120),
    tags=("analytics", "internal"),
    releases=("2.4.0", "2.5.0", "2.5.1"),
    tools=tool_definitions(("run_query", "Runs a read-only query", ["sql"])),
)
