"""Signed links lend the rights of whoever was given them: for one path, for a while, and unchanged."""

import time
import uuid
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.auth.context import AuthContext
from shared.auth.links import EXPIRES, HOLDER, SIGNATURE, SignedLinks
from shared.errors import ForbiddenError
from shared.logging import redact_text

SECRET = "4cc0f2f3a9d84bd27c5e0f91b6a8d3e7"
PATH = f"/api/v1/exports/{uuid.uuid4()}/download"
USER = AuthContext(str(uuid.uuid4()), 1, "user", str(uuid.uuid4()), role="member", session_id=str(uuid.uuid4()))
KEY = AuthContext(str(uuid.uuid4()), 2, "api_key", str(uuid.uuid4()), scopes=frozenset({"read"}))


def query_of(link: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(link).query))


def refusal(links: SignedLinks, path: str, query: dict[str, str]) -> str:
    with pytest.raises(ForbiddenError) as caught:
        links.read(path, query)
    return caught.value.code


@pytest.mark.parametrize("context", [USER, KEY])
def test_a_link_names_who_was_given_it_and_reads_back(context: AuthContext) -> None:
    links, before = SignedLinks(SECRET), int(time.time())
    made = links.make(PATH, context, 900)
    assert urlsplit(made).path == PATH
    link = SignedLinks(SECRET).read(PATH, query_of(made))
    assert (link.principal, link.workspace_id, link.subject_id, link.session_id) == (
        context.principal,
        context.workspace_id,
        context.subject_id,
        context.session_id,
    )
    assert before + 900 <= link.expires_at <= time.time() + 900


def test_S10_a_link_is_of_no_use_for_another_path_person_time_or_installation() -> None:
    links = SignedLinks(SECRET)
    query, other = query_of(links.make(PATH, USER, 900)), query_of(links.make(PATH, KEY, 900))
    later = {EXPIRES: str(int(query[EXPIRES]) + 1)}
    assert refusal(links, PATH.replace("download", "Download"), query) == "link_invalid"
    assert refusal(links, PATH + "/", query) == "link_invalid"
    assert refusal(SignedLinks(SECRET + "x"), PATH, query) == "link_invalid"
    for change in (later, {HOLDER: other[HOLDER]}, {SIGNATURE: other[SIGNATURE]}, {SIGNATURE: ""}):
        assert refusal(links, PATH, query | change) == "link_invalid", change
    for name in query:
        assert refusal(links, PATH, {key: value for key, value in query.items() if key != name}) == "link_invalid"


def test_a_link_ends_and_says_so() -> None:
    links = SignedLinks(SECRET)
    assert refusal(links, PATH, query_of(links.make(PATH, USER, 0))) == "link_expired"
    assert refusal(links, PATH, query_of(links.make(PATH, USER, -60))) == "link_expired"


def test_no_log_line_can_show_a_signature() -> None:
    link = SignedLinks(SECRET).make(PATH, USER, 900)
    for text in (f"GET {link}", link.replace("signature", "X-Amz-Signature")):
        assert query_of(link)[SIGNATURE] not in redact_text(text)


@given(st.fixed_dictionaries({name: st.text(max_size=80) for name in (EXPIRES, HOLDER, SIGNATURE)}), st.text())
def test_S10_nothing_that_was_made_up_is_taken(query: dict[str, str], path: str) -> None:
    assert refusal(SignedLinks(SECRET), path, query) == "link_invalid"
