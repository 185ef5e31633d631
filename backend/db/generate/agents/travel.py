"""A travel agent: searches flights and hotels over several turns, books, and hands payment to another agent."""

from db.generate.agents.base import Agent, tool_definitions
from db.generate.catalogue import CLAUDE_HAIKU, GEMINI_FLASH, GPT_4O, GPT_41_MINI
from db.generate.people import CITIES
from db.generate.story import Scene, message

_SYSTEM = (
    "You are the travel assistant of Meridian Trips. Ask for what is missing, offer at most three options with price "
    "and duration, and book only after the traveller has said yes. Never store payment data yourself."
)
_OPENINGS = (
    "I would like to go from {start} to {end} in {month}, for {nights} nights. What do you suggest?",
    "Find me a cheap flight from {start} to {end} and a quiet hotel, {nights} nights.",
    "Two adults and a child, {start} to {end}, some time in {month}. We need a kitchen.",
    "Business trip to {end} from {start}: arrive Monday evening, hotel near the fair.",
)
_WISHES = (
    "Is there anything that leaves later in the day?",
    "The hotel is too expensive. Something under 120 a night?",
    "Can I take a bicycle?",
    "And with free cancellation?",
)
_MONTHS = ("March", "May", "June", "September", "October")
_AIRLINES = ("Aurora Air", "Iberwing", "Pacific Crane", "Northline")
_HOTELS = ("Hotel Miramar", "Casa Verde", "The Old Mint", "Stay & Work Central")


def play(scene: Scene) -> None:
    """Answer one message of a traveller; the last of a longer conversation books."""
    rng, session = scene.rng, scene.session
    if not session.facts:
        start, end = rng.sample(CITIES, 2)
        session.facts.update(start=start, end=end, month=rng.choice(_MONTHS), nights=str(rng.randint(2, 12)))
    facts = session.facts
    books = session.turns > 1 and session.turn == session.turns - 1
    if books:
        said = "Yes, please book the first flight and the hotel."
    else:
        said = rng.choice(_WISHES if session.turn else _OPENINGS).format(**facts)
    session.history.append(message("user", scene.hear(said)))
    flights = [
        {"airline": rng.choice(_AIRLINES), "departs": f"{rng.randint(6, 21):02d}:15", "price": rng.randint(80, 640)}
        for _ in range(3)
    ]
    hotels = [{"name": name, "night": rng.randint(70, 260), "rating": 4.2} for name in rng.sample(_HOTELS, 2)]
    if books:
        answer = _book(scene, facts, flights[0])
    else:
        trip: dict[str, object] = {"from": facts["start"], "to": facts["end"], "month": facts["month"]}
        scene.llm(_SYSTEM, session.history, ("search_flights", trip), hidden_tokens=1300)
        with scene.chain("search"):
            scene.tool("search_flights", trip, flights, 1.6)
            scene.tool("search_hotels", {"city": facts["end"], "nights": facts["nights"]}, hotels, 1.1)
            if rng.random() < 0.4:
                scene.retrieve("travel-guides", f"quiet areas in {facts['end']}", [_guide(facts["end"])])
        answer = (
            f"From {facts['start']} to {facts['end']} I found {flights[0]['airline']} at {flights[0]['departs']} for "
            f"{flights[0]['price']} USD and {flights[1]['airline']} for {flights[1]['price']} USD. For the night, "
            f"{hotels[0]['name']} costs {hotels[0]['night']} USD. Shall I hold the first option?"
        )
        scene.llm(_SYSTEM, [*session.history, message("tool", str(flights + hotels))], answer, hidden_tokens=1500)
    scene.answer = answer
    session.history.append(message("assistant", answer))


def _guide(city: str) -> str:
    return f"Visitors to {city} who want to sleep well stay west of the centre, ten minutes by tram from the station."


def _book(scene: Scene, facts: dict[str, str], flight: dict[str, object]) -> str:
    scene.llm(_SYSTEM, scene.session.history, ("create_booking", {"option": "1"}), hidden_tokens=1500)
    reference = f"MT{scene.rng.randint(10_000, 99_999)}"
    scene.tool("create_booking", {"option": "1"}, {"reference": reference, "state": "held"}, 0.9)
    with scene.agent("payment-agent"):
        task = f"Charge {flight['price']} USD for booking {reference} to the stored card."
        scene.llm("You settle bookings.", [message("user", task)], "Charge accepted.", model=GPT_41_MINI)
        scene.tool("charge_card", {"reference": reference, "amount": flight["price"]}, {"state": "captured"}, 0.7)
    answer = (
        f"Booked: {facts['start']} to {facts['end']} with {flight['airline']}, reference {reference}. The confirmation "
        f"is on its way to you; the hotel can be cancelled free of charge until two days before."
    )
    scene.llm(_SYSTEM, scene.session.history, answer, hidden_tokens=1600)
    return answer


AGENT = Agent(
    name="travel-agent",
    service="trip-planner",
    share=0.12,
    rhythm="consumer",
    turns=(0.2, 0.25, 0.25, 0.15, 0.1, 0.05),
    models=((GPT_4O, 0.45), (GEMINI_FLASH, 0.35), (CLAUDE_HAIKU, 0.2)),
    play=play,
    users=("traveller", 500),
    tags=("booking", "chat"),
    releases=("5.0.2", "5.1.0", "5.2.0"),
    tools=tool_definitions(
        ("search_flights", "Searches flights", ["from", "to", "month"]),
        ("search_hotels", "Searches hotels", ["city", "nights"]),
        ("create_booking", "Holds an option", ["option"]),
    ),
    outcome=("trip_booked", 20.0, 160.0),
)
