"""Storing an entry that may kill the worker, so that only the item that does is lost to the dead letters."""

from collections.abc import Sequence
from dataclasses import replace

from redis.asyncio import Redis

from processing.app.bodies import RawItem, RawRequest, cut_items
from processing.app.consumer.entries import Entry, Probe
from processing.app.items import DecodedRequest, Poison
from processing.app.processor import KILLED_WORKERS, whole_request
from processing.app.storing import Storer
from shared.logging import get_logger
from shared.streams.contracts import PendingRequest

_ERROR = "Workers died each time they processed it."
_STORING = "storing"
# One death may be a coincidence, such as a machine that was switched off.
_DEATHS = 2

logger = get_logger(__name__)


async def store_with_probe(
    client: Redis, storer: Storer, entry: Entry, requests: Sequence[RawRequest], max_deliveries: int
) -> None:
    """Store an entry item by item, noting each item before it is touched.

    What was being touched when workers died is left for last, so that every delivery gets to know more of such items,
    and from ``max_deliveries`` on goes to the dead letters untouched. Entries that come back because nobody could
    store them, and not because somebody died, are stored as usual.

    Args:
        client: Redis of the queue.
        storer: Decodes and stores.
        entry: The entry; its delivery count decides.
        requests: Its requests.
        max_deliveries: Delivery at which suspects are given up.
    """
    waiting = await storer.find_stored(requests)
    probe = Probe(client, entry)
    await probe.load()
    given_up: set[str] = set()
    if entry.deliveries >= max_deliveries:
        given_up = {label for label, deaths in probe.suspects.items() if deaths >= _DEATHS}
    logger.warning("entry_probed", entry=entry.id.decode(), deliveries=entry.deliveries, suspects=probe.suspects)
    decoded = [
        await _decode_piecewise(storer, probe, given_up, f"{number}", request) for number, request in enumerate(waiting)
    ]
    if _STORING in given_up and entry.deliveries >= 2 * max_deliveries:
        decoded = [_give_up_whole(request) for request in waiting]
    await probe.touch(_STORING)
    if decoded:
        await storer.commit_decoded(decoded)
    await probe.clear()


async def _decode_piecewise(
    storer: Storer, probe: Probe, given_up: set[str], label: str, request: RawRequest
) -> DecodedRequest:
    if label in given_up:
        return _give_up_whole(request)
    merged = DecodedRequest(request.pending)
    if request.pending.format in _DOOR_COUNTED:
        merged.rejected.update(request.pending.rejected)
    await probe.touch(label)
    if request.damage is not None:
        return await storer.decode(request)
    try:
        items = list(cut_items(request.pending, request.body))
    except ValueError as error:
        merged.poison.append(whole_request(merged, request.body, "undecodable", error))
        return merged
    suspects = [item for item in items if f"{label}:{item.index}" in probe.suspects]
    others = [item for item in items if f"{label}:{item.index}" not in probe.suspects]
    for item in [*others, *suspects]:
        item_label = f"{label}:{item.index}"
        if item_label in given_up:
            merged.poison.append(_give_up_item(item))
            continue
        await probe.touch(item_label)
        _merge(merged, item, await storer.decode(RawRequest(_alone(request, item), item.body)))
    return merged


# Of these formats the body holds accepted items only; of OTLP it holds the refused ones too.
_DOOR_COUNTED = frozenset({"flat", "spans", "scores", "feedback", "outcomes", "client_report"})


def _alone(request: RawRequest, item: RawItem) -> PendingRequest:
    pending = request.pending
    return replace(
        pending,
        format=item.format,
        size=len(item.body),
        received=1,
        rejected={},
        digest=None,
        first_index=pending.first_index + item.index,
    )


def _merge(merged: DecodedRequest, item: RawItem, decoded: DecodedRequest) -> None:
    for part in decoded.items:
        part.index = item.index
        merged.items.append(part)
    merged.poison += [replace(poison, index=item.index) for poison in decoded.poison]
    for reason, number in decoded.rejected.items():
        merged.rejected[reason] = merged.rejected.get(reason, 0) + number


def _give_up_item(item: RawItem) -> Poison:
    return Poison(item.index, 1, KILLED_WORKERS, _ERROR, item.format, item.body, item.trace_id, item.span_id)


def _give_up_whole(request: RawRequest) -> DecodedRequest:
    decoded = DecodedRequest(request.pending)
    decoded.rejected.update(request.pending.rejected)
    decoded.poison.append(whole_request(decoded, request.body, KILLED_WORKERS, _ERROR))
    return decoded
