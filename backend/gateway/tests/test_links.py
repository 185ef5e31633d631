"""Signed links through the gateway: whoever follows one acts for whoever was given it, and no longer than they may."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from gateway.app.main import create_app
from gateway.tests.conftest import Account, SettingsFactory, client_of, create_key, join, registering, running
from gateway.tests.servers import Recorder, serving
from shared.auth.context import AuthContext
from shared.auth.internal import InternalTokenVerifier
from shared.auth.links import SignedLinks

PATH = f"/api/v1/exports/{uuid.uuid4()}/download"


@pytest.fixture
def service() -> Recorder:
    return Recorder(status=206, answer=b"csv", headers={"accept-ranges": "bytes", "content-range": "bytes 0-2/9"})


@pytest.fixture
async def client(make_settings: SettingsFactory, service: Recorder) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(service) as port:
        settings = make_settings(
            query_url=f"http://127.0.0.1:{port}", limit_anonymous_per_minute=1, limit_anonymous_burst=40
        )
        async with running(create_app(settings)) as app, client_of(app) as client:
            yield client


@pytest.fixture
def links(make_settings: SettingsFactory) -> SignedLinks:
    return SignedLinks(make_settings().internal_token_secret.get_secret_value())


@pytest.fixture
def verifier(make_settings: SettingsFactory) -> InternalTokenVerifier:
    return InternalTokenVerifier(make_settings().internal_token_secret.get_secret_value(), "query")


async def seen_by_query(
    client: httpx.AsyncClient, service: Recorder, verifier: InternalTokenVerifier, headers: dict[str, str]
) -> AuthContext:
    """Return whom the query service takes the sender of a request for."""
    await client.get(PATH, headers=headers)
    seen = service.seen[-1].headers
    return verifier.verify(seen["x-internal-token"], seen["x-workspace-id"])


async def code_of(client: httpx.AsyncClient, url: str, **headers: str) -> tuple[int, str | None]:
    answer = await client.get(url, headers=headers)
    return answer.status_code, None if answer.is_success else answer.json()["error"]["code"]


async def test_a_link_is_followed_without_a_credential_and_in_parts(
    client: httpx.AsyncClient, service: Recorder, verifier: InternalTokenVerifier, links: SignedLinks
) -> None:
    owner = await registering(client)()
    of_user = await seen_by_query(client, service, verifier, owner.headers)
    key = await create_key(client, owner, "read")
    of_key = await seen_by_query(client, service, verifier, {"X-API-Key": key["key"]})
    for context in (of_user, of_key):
        answer = await client.get(links.make(PATH, context, 60), headers={"Range": "bytes=0-2", "If-Range": '"x"'})
        assert (answer.status_code, answer.content) == (206, b"csv")
        assert (answer.headers["accept-ranges"], answer.headers["content-range"]) == ("bytes", "bytes 0-2/9")
        seen = service.seen[-1].headers
        assert (seen["range"], seen["if-range"]) == ("bytes=0-2", '"x"')
        assert verifier.verify(seen["x-internal-token"], seen["x-workspace-id"]) == context
    # A credential counts before a link, whatever the link is worth.
    with_both = await client.get(f"{PATH}?signature=x", headers={"X-API-Key": key["key"]})
    assert with_both.status_code == 206


async def test_a_link_that_lends_nothing_is_403_and_counted(
    client: httpx.AsyncClient, service: Recorder, verifier: InternalTokenVerifier, links: SignedLinks
) -> None:
    owner = await registering(client)()
    context = await seen_by_query(client, service, verifier, owner.headers)
    link = links.make(PATH, context, 60)
    before = len(service.seen)
    assert await code_of(client, links.make(PATH, context, -1)) == (403, "link_expired")
    assert await code_of(client, link + "x") == (403, "link_invalid")
    assert await code_of(client, link.replace(PATH, PATH.replace("exports/", "exports/0"))) == (403, "link_invalid")
    assert await code_of(client, PATH + "?expires=1") == (401, "unauthorized")
    # Where no file is had, a link is nothing.
    state = PATH.removesuffix("/download")
    assert await code_of(client, links.make(state, context, 60)) == (401, "unauthorized")
    assert len(service.seen) == before
    codes = {(await code_of(client, link + "x"))[0] for _ in range(60)}
    assert codes == {403, 429}


async def _leave(client: httpx.AsyncClient, owner: Account, member: Account, key: dict[str, Any]) -> httpx.Response:
    return await client.delete(f"/api/v1/team/members/{member.user_id}", headers=owner.headers)


async def _log_out(client: httpx.AsyncClient, owner: Account, member: Account, key: dict[str, Any]) -> httpx.Response:
    return await client.post("/api/v1/auth/logout", headers=member.headers)


async def _revoke(client: httpx.AsyncClient, owner: Account, member: Account, key: dict[str, Any]) -> httpx.Response:
    return await client.delete(f"/api/v1/api-keys/{key['id']}", headers=owner.headers)


async def _delete(client: httpx.AsyncClient, owner: Account, member: Account, key: dict[str, Any]) -> httpx.Response:
    return await client.delete("/api/v1/workspace", headers=owner.headers)


@pytest.mark.parametrize(
    ("lose", "ends"),
    [(_leave, {"member"}), (_log_out, {"member"}), (_revoke, {"key"}), (_delete, {"member", "key", "owner"})],
)
async def test_S10_a_link_dies_with_the_access_of_who_was_given_it(
    client: httpx.AsyncClient,
    service: Recorder,
    verifier: InternalTokenVerifier,
    links: SignedLinks,
    lose: Callable[..., Awaitable[httpx.Response]],
    ends: set[str],
) -> None:
    owner = await registering(client)()
    member = await join(client, owner, "member")
    key = await create_key(client, owner, "read")
    made = {
        name: links.make(PATH, await seen_by_query(client, service, verifier, headers), 60)
        for name, headers in (
            ("owner", owner.headers),
            ("member", member.headers),
            ("key", {"X-API-Key": key["key"]}),
        )
    }
    for link in made.values():
        assert (await client.get(link)).status_code == 206
    assert (await lose(client, owner, member, key)).is_success
    for name, link in made.items():
        assert await code_of(client, link) == ((403, "link_invalid") if name in ends else (206, None)), name


async def test_S10_a_link_lends_the_role_of_now(
    client: httpx.AsyncClient, service: Recorder, verifier: InternalTokenVerifier, links: SignedLinks
) -> None:
    owner = await registering(client)()
    member = await join(client, owner, "member")
    link = links.make(PATH, await seen_by_query(client, service, verifier, member.headers), 60)
    path = f"/api/v1/team/members/{member.user_id}/role"
    assert (await client.put(path, headers=owner.headers, json={"role": "billing"})).status_code == 200
    await client.get(link)
    seen = service.seen[-1].headers
    assert verifier.verify(seen["x-internal-token"], seen["x-workspace-id"]).role == "billing"


async def test_no_signature_is_logged(
    client: httpx.AsyncClient,
    service: Recorder,
    verifier: InternalTokenVerifier,
    links: SignedLinks,
    read_log: Callable[[], list[dict[str, Any]]],
) -> None:
    owner = await registering(client)()
    context = await seen_by_query(client, service, verifier, owner.headers)
    link = links.make(PATH, context, 60)
    service.status = 500
    for url in (link, links.make(PATH, context, -1)):
        await client.get(url)
    text = repr(read_log())
    assert text.count(PATH) >= 2
    assert link.partition("signature=")[2] not in text
    assert "signature=" not in text
