"""The order of a trace's spans, by itself."""

from hypothesis import given
from hypothesis import strategies as st

from query.app.tree import position_after, tree_order

PARENTS = st.lists(st.one_of(st.none(), st.integers(0, 25)), min_size=1, max_size=22)


@given(PARENTS)
def test_every_span_appears_once_and_behind_its_parent_unless_they_form_a_cycle(parents: list[int | None]) -> None:
    ids = list(range(len(parents)))
    order = tree_order(ids, parents)
    assert sorted(order) == ids
    place = {span_id: index for index, span_id in enumerate(order)}
    for span_id, parent in enumerate(parents):
        if parent is None or parent not in place or place[parent] < place[span_id]:
            continue
        ancestors: set[int | None] = set()
        walked: int | None = parent
        while walked is not None and walked in place and walked not in ancestors:
            ancestors.add(walked)
            walked = parents[walked]
        assert span_id in ancestors


@given(PARENTS)
def test_siblings_keep_their_order_and_subtrees_stay_together(parents: list[int | None]) -> None:
    # Parents that come earlier leave neither cycles nor orphans.
    forest = [parent if parent is not None and parent < index else None for index, parent in enumerate(parents)]
    order = tree_order(range(len(forest)), forest)
    expected: list[int] = []

    def visit(span_id: int) -> None:
        expected.append(span_id)
        for child, parent in enumerate(forest):
            if parent == span_id:
                visit(child)

    for root, parent in enumerate(forest):
        if parent is None:
            visit(root)
    assert order == expected


def test_roots_come_before_orphans_and_orphans_before_cycles() -> None:
    ids = [1, 2, 3, 4, 5, 6]
    assert tree_order(ids, [99, 3, 2, None, 4, 6]) == [4, 5, 1, 6, 2, 3]


def test_F42_a_chain_of_ten_thousand_and_a_fan_of_a_hundred_thousand() -> None:
    chain = list(range(10_000))
    assert tree_order(chain[::-1], [index - 1 if index else None for index in chain[::-1]]) == chain
    fan = list(range(100_000))
    assert tree_order(fan, [None, *[0] * 99_999]) == fan


def test_a_page_goes_on_behind_its_last_span_wherever_that_is_now() -> None:
    order = [7, 8, 9]
    assert position_after(order, 8, 1) == 2
    assert position_after([5, 6, *order], 8, 1) == 4
    assert position_after(order, 99, 1) == 1
    assert position_after(order, 99, -5) == 0
    assert position_after(order, 99, 2**62) == 3
