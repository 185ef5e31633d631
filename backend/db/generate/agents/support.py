"""Customer support of a web shop: answers from a help centre, looks up orders, hands refunds to a specialist."""

from db.generate.agents.base import Agent, tool_definitions
from db.generate.catalogue import AZURE_GPT_4O, CLAUDE_HAIKU, GPT_4O_MINI, GPT_41_MINI
from db.generate.story import Scene, message

_SYSTEM = (
    "You are the support assistant of Fjord & Field, a shop for outdoor equipment. Answer in the customer's language, "
    "politely and in at most six sentences. Look orders up before you speak about them. Quote the policy you rely on. "
    "Refunds above 200 USD and complaints about safety go to a person."
)
_PRODUCTS = ("tent Nordlys 3", "rain jacket Regn", "hiking boots Fjell", "sleeping bag Dun 400", "headlamp Stjerne")
_STATES = ("in transit", "delayed at customs", "delivered", "waiting for stock", "returned to sender")
_QUESTIONS = {
    "delivery": (
        "Where is my order {order}? It was to arrive last week.",
        "Order {order} with the {product} still has not come. Can you check?",
        "The tracking page for {order} has not changed in four days.",
        "I need the {product} by Friday, order {order}. Will it make it?",
    ),
    "refund": (
        "The {product} from order {order} arrived damaged and I want my money back.",
        "I sent the {product} back two weeks ago. When do I get the refund for {order}?",
        "I was charged twice for order {order}.",
        "The zip of my {product} broke on the first trip. I would like a refund.",
    ),
    "product": (
        "Is the {product} warm enough for minus five degrees?",
        "Which size of the {product} should I take if I am between two sizes?",
        "Can I wash the {product} in a machine?",
        "Does the {product} come with a warranty?",
    ),
    "account": (
        "I cannot sign in any more since I changed my telephone.",
        "How do I delete my account and my data?",
        "Please change the delivery address of order {order}.",
        "Why do I get the newsletter although I never asked for it?",
    ),
}
_FOLLOW_UPS = (
    "Thank you. And how long does that usually take?",
    "That does not help me. Is there anybody I can talk to?",
    "Could you send me that in writing?",
    "What if it still is not here by then?",
    "Okay. Can I exchange it for another size instead?",
)
_ARTICLES = {
    "delivery": (
        "Parcels within Europe take three to five working days; customs may add up to seven.",
        "A parcel that has not moved for five working days is searched for by the carrier at our request.",
        "Express orders placed before noon leave the warehouse on the same day.",
    ),
    "refund": (
        "Goods can be returned within 60 days, unused and in their packaging; we pay the postage within Europe.",
        "Refunds go to the original means of payment within ten working days of the arrival of the parcel.",
        "Damaged goods are replaced or refunded as the customer chooses; a photograph is enough.",
    ),
    "product": (
        "Comfort temperatures follow ISO 23537 and are printed on the inner label of sleeping bags.",
        "Membranes are washed at 30 degrees with liquid detergent, without softener, and dried on low heat.",
        "All equipment has a warranty of five years against faults of material and workmanship.",
    ),
    "account": (
        "Two-step sign-in can be reset with one of the recovery codes or by the link sent to the stored address.",
        "Deleting an account erases personal data within 30 days except what tax law obliges us to keep.",
        "The delivery address can be changed until the parcel is handed to the carrier.",
    ),
}
_ANSWERS = {
    "delivery": "Your order {order} is {state}. {article} I have asked the carrier for news and will write as soon as "
    "there is any; if nothing moves by Thursday we send the {product} again at no cost.",
    "refund": "I am sorry about the {product}. {article} I have passed order {order} on for a refund; you will get a "
    "message with the amount and the day it is paid out.",
    "product": "Good question. {article} For the {product} that means you are on the safe side in normal use; in doubt "
    "take the larger size, since returns are free for 60 days.",
    "account": "That is quickly done. {article} I have sent the link to the address stored for your account; it is "
    "valid for 30 minutes.",
}


def play(scene: Scene) -> None:
    """Answer one message of a customer."""
    rng, session = scene.rng, scene.session
    facts = session.facts
    if not facts:
        topic = rng.choice(list(_QUESTIONS))
        order = f"FF-{rng.randint(100_000, 999_999)}"
        facts.update(topic=topic, order=order, product=rng.choice(_PRODUCTS), state=rng.choice(_STATES))
    topic = facts["topic"]
    asked = rng.choice(_FOLLOW_UPS if session.turn else _QUESTIONS[topic]).format(**facts)
    question = scene.hear(asked)
    session.history.append(message("user", question))
    scene.guardrail("input-policy", question, "flagged" if "injection" in scene.marks else "passed")
    articles = rng.sample(_ARTICLES[topic], 2)
    with scene.chain("answer-question"):
        scene.retrieve("help-center", asked, articles)
        scene.llm(_SYSTEM, session.history, ("lookup_order", {"order_id": facts["order"]}), hidden_tokens=900)
        found = {"order_id": facts["order"], "item": facts["product"], "state": facts["state"], "total": "129.00 USD"}
        scene.tool("lookup_order", {"order_id": facts["order"]}, found, 0.18)
        answer = _ANSWERS[topic].format(article=articles[0], **facts)
        if "injection" in scene.marks:
            answer = f"I cannot change how I work, but I can help with your question. {answer}"
        if topic == "refund" and session.turn == 0:
            _refund(scene, facts)
        scene.llm(_SYSTEM, session.history, answer, hidden_tokens=1100)
    scene.answer = answer
    session.history.append(message("assistant", answer))


def _refund(scene: Scene, facts: dict[str, str]) -> None:
    amount = scene.rng.choice((24.5, 59.0, 129.0, 189.0))
    with scene.agent("refund-specialist"):
        task = f"Check whether order {facts['order']} ({facts['product']}, {facts['state']}) qualifies for a refund."
        verdict = f"Eligible under the 60-day policy; refund {amount} USD to the original means of payment."
        scene.llm("You decide on refunds by the returns policy.", [message("user", task)], verdict, model=GPT_41_MINI)
        scene.tool("create_refund", {"order_id": facts["order"], "amount": amount}, {"state": "created"}, 0.4)


AGENT = Agent(
    name="support-agent",
    service="support-bot",
    share=0.30,
    rhythm="consumer",
    turns=(0.42, 0.27, 0.16, 0.1, 0.05),
    models=((GPT_4O_MINI, 0.5), (CLAUDE_HAIKU, 0.3), (AZURE_GPT_4O, 0.2)),
    play=play,
    users=("customer", 900),
    tags=("support", "chat"),
    releases=("3.8.0", "3.8.1", "3.9.0", "3.9.2"),
    tools=tool_definitions(
        ("lookup_order", "Returns state and contents of an order", ["order_id"]),
        ("create_refund", "Starts a refund", ["order_id", "amount"]),
        ("escalate", "Hands the conversation to a person", ["reason"]),
    ),
    outcome=("ticket_resolved", 4.0, 12.0),
)
