"""Passwords: which are accepted, guessing, and ways back in."""

import asyncio
import smtplib
import threading
import time
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from gateway.app.config import Settings
from gateway.app.main import create_app
from gateway.app.passwords import PasswordHasher, password_problem
from gateway.tests.conftest import PASSWORD, Account, Register, SettingsFactory, client_of, registering, running
from shared.database import Connection
from shared.errors import UnavailableError

NEW_PASSWORD = "another kettle 17 snow"
STRANGER = ("203.0.113.77", 50_000)


async def login(client: httpx.AsyncClient, email: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
    return await client.post("/api/v1/auth/login", json={"email": email, "password": password}, headers=headers)


async def test_S23_an_account_takes_ten_wrong_passwords(app: FastAPI, client: httpx.AsyncClient) -> None:
    account = await registering(client)()
    async with client_of(app, STRANGER) as stranger:
        statuses = [(await login(stranger, account.email, f"guess {number} wrong")).status_code for number in range(12)]
        assert statuses == [401] * 10 + [429] * 2
        refused = await login(stranger, account.email)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        other = await registering(client)()
        assert (await login(stranger, other.email)).status_code == 200
    assert (await login(client, account.email)).status_code == 200, "the owner's device is known"


async def test_S23_a_known_device_is_limited_as_well(client: httpx.AsyncClient, register: Register) -> None:
    account = await register()
    statuses = [(await login(client, account.email, f"guess {number} wrong")).status_code for number in range(11)]
    assert statuses == [401] * 10 + [429]


async def test_S23_one_address_guesses_at_many_accounts(make_settings: SettingsFactory) -> None:
    settings = make_settings(limit_login_address=20)
    async with running(create_app(settings)) as app, client_of(app) as client, client_of(app, STRANGER) as stranger:
        account = await registering(client)()
        statuses = [(await login(stranger, f"user{number}@example.com")).status_code for number in range(22)]
        assert statuses == [401] * 20 + [429] * 2
        assert (await login(client, account.email)).status_code == 200


async def test_S23_many_addresses_guess_at_many_accounts(make_settings: SettingsFactory) -> None:
    async with running(create_app(make_settings(limit_login_all=30))) as app, client_of(app) as client:
        account = await registering(client)()
        statuses = []
        for number in range(32):
            async with client_of(app, (f"203.0.113.{number}", 1)) as stranger:
                statuses.append((await login(stranger, f"user{number}@example.com")).status_code)
        assert statuses == [401] * 30 + [429] * 2
        assert (await login(client, account.email)).status_code == 200


async def test_S23_processes_count_together(make_settings: SettingsFactory) -> None:
    settings = make_settings()
    async with (
        running(create_app(settings)) as one,
        running(create_app(settings)) as two,
        client_of(one, STRANGER) as first,
        client_of(two, STRANGER) as second,
    ):
        statuses = [
            (await login(client, "nobody@example.com", f"guess {number}")).status_code
            for number in range(6)
            for client in (first, second)
        ]
    assert statuses == [401] * 10 + [429] * 2


async def test_S23_right_passwords_use_nothing_up(make_settings: SettingsFactory) -> None:
    settings = make_settings(limit_login_account=3, limit_login_address=3, limit_login_all=3)
    async with running(create_app(settings)) as app, client_of(app) as client:
        account = await registering(client)()
        for number in range(8):
            async with client_of(app, STRANGER, **{"User-Agent": f"device {number}"}) as device:
                assert (await login(device, account.email)).status_code == 200


async def test_S23_a_reset_clears_the_account(app: FastAPI, client: httpx.AsyncClient, resets: "Resets") -> None:
    account = await registering(client)()
    async with client_of(app, STRANGER) as stranger:
        for number in range(11):
            await login(stranger, account.email, f"guess {number} wrong")
        assert (await login(stranger, account.email)).status_code == 429
        body = {"token": await resets.ask(client, account.email), "new_password": NEW_PASSWORD}
        assert (await client.post("/api/v1/auth/reset-password", json=body)).status_code == 200
        assert (await login(stranger, account.email, NEW_PASSWORD)).status_code == 200


async def test_S24_unknown_accounts_look_like_known_ones(
    app: FastAPI, client: httpx.AsyncClient, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await register()
    hasher: PasswordHasher = app.state.gateway.passwords
    hashes: list[str] = []
    verify = hasher._context.verify

    def counting(password: str, expected: str) -> bool:
        hashes.append(expected)
        return bool(verify(password, expected))

    monkeypatch.setattr(hasher._context, "verify", counting)
    known, unknown = (
        await login(client, account.email, "wrong word"),
        await login(client, "no@example.com", "wrong word"),
    )
    assert known.status_code == unknown.status_code == 401
    assert known.json()["error"] == unknown.json()["error"]
    assert len(hashes) == 2, "the time of a log-in is that of its hash, which both compute"
    assert len({len(expected) for expected in hashes}) == 1
    too_long = await login(client, account.email, "x" * 100)
    assert (too_long.status_code, len(hashes)) == (401, 3)
    forgotten = [
        await client.post("/api/v1/auth/forgot-password", json={"email": email})
        for email in (account.email, "no@example.com")
    ]
    assert [answer.status_code for answer in forgotten] == [202, 202]
    assert forgotten[0].json() == forgotten[1].json()


async def test_S24_an_invitation_says_nothing_about_accounts(client: httpx.AsyncClient, register: Register) -> None:
    owner, other = await register(), await register()
    answers = [
        await client.post("/api/v1/team/invite", headers=owner.headers, json={"email": email})
        for email in (other.email, "no@example.com")
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["data"].keys() == answers[1].json()["data"].keys()


@pytest.mark.parametrize(
    ("password", "accepted"),
    [
        ("short7!", False),
        ("eight ch", True),
        ("        .", True),
        ("пароль на русском", True),
        ("密码密码密码密码", True),
        ("🙂🙃🙂🙃🙂🙃🙂🙃", True),
        ("a" * 72, True),
        ("a" * 73, False),
        ("ü" * 36, True),
        ("ü" * 37, False),
        ("password1", False),
        ("PassWord1", False),
        ("iloveyou2", False),
        ("q1w2e3r4t5", False),
        ("ada.lovelace@example.org", False),
        ("AdaLovelace1", False),
        ("lovelace12345678", False),
        ("analytical99", False),
        ("AgentObs2026", False),
        ("lovelace met 3 engines", True),
        ("has a \u0000 inside", False),
    ],
)
def test_S25_the_policy_on_new_passwords(password: str, accepted: bool) -> None:
    context = ("ada.lovelace@example.org", "Ada Lovelace", "Analytical")
    assert (password_problem(password, context) is None) is accepted


async def test_S25_hashes_run_beside_the_loop_and_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = PasswordHasher(4, 2)
    running_now, most, threads = 0, 0, set()
    lock = threading.Lock()
    verify = hasher._context.verify

    def slow(password: str, expected: str) -> bool:
        nonlocal running_now, most
        with lock:
            running_now += 1
            most = max(most, running_now)
            threads.add(threading.current_thread())
        time.sleep(0.005)
        with lock:
            running_now -= 1
        return bool(verify(password, expected))

    known = await hasher.hash(PASSWORD)
    monkeypatch.setattr(hasher._context, "verify", slow)
    answers = await asyncio.gather(*(hasher.verify(PASSWORD, known) for _ in range(100)))
    assert all(answers)
    assert most == 2
    assert threading.main_thread() not in threads
    waiting = [asyncio.create_task(hasher.verify(PASSWORD, known)) for _ in range(201)]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results if result is not True] == [UnavailableError]
    hasher.close()


def test_S25_the_default_cost_is_twelve(make_settings: SettingsFactory) -> None:
    assert make_settings(password_cost=12).password_cost == 12
    assert Settings.model_fields["password_cost"].default == 12
    with pytest.raises(ValidationError):
        make_settings(environment="production", password_cost=11)


class Resets:
    """Reads reset links where an installation without a mail server shows them."""

    def __init__(self, read_log: Callable[[], list[dict[str, Any]]]) -> None:
        self._read_log = read_log

    def links(self) -> list[str]:
        return [line["link"] for line in self._read_log() if line["event"] == "password_reset_link"]

    async def ask(self, client: httpx.AsyncClient, email: str, **headers: str) -> str:
        before = len(self.links())
        answer = await client.post("/api/v1/auth/forgot-password", json={"email": email}, headers=headers)
        assert answer.status_code == 202
        while len(self.links()) == before:
            await asyncio.sleep(0.01)
        return self.links()[-1].partition("token=")[2]


@pytest.fixture
def resets(read_log: Callable[[], list[dict[str, Any]]]) -> Resets:
    return Resets(read_log)


async def reset(client: httpx.AsyncClient, token: str, password: str = NEW_PASSWORD) -> httpx.Response:
    return await client.post("/api/v1/auth/reset-password", json={"token": token, "new_password": password})


async def test_S26_links_come_from_the_configured_address(
    client: httpx.AsyncClient, register: Register, resets: Resets
) -> None:
    account = await register()
    hostile = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Referer": "https://evil.example/x"}
    await resets.ask(client, account.email, **hostile, Origin="https://evil.example")
    assert resets.links()[-1].startswith("http://localhost:3000/reset-password?token=")
    invited = await client.post(
        "/api/v1/team/invite", headers=account.headers | hostile, json={"email": "guest@example.com"}
    )
    assert invited.json()["data"]["link"].startswith("http://localhost:3000/accept-invitation?token=")


async def test_S26_a_reset_works_once_and_ends_everything_else(
    client: httpx.AsyncClient, register: Register, resets: Resets, database: Connection
) -> None:
    account = await register()
    first, second = await resets.ask(client, account.email), await resets.ask(client, account.email)
    stored = await database.fetch("select token_hash, expires_at - created_at as life from password_resets")
    assert all(first.encode() not in row["token_hash"] for row in stored)
    assert all(row["life"].total_seconds() <= 3600 for row in stored)
    assert (await reset(client, first)).status_code == 422, "a newer link makes older ones useless"
    assert (await reset(client, second, "password1")).status_code == 422
    assert (await reset(client, second)).status_code == 200
    assert (await reset(client, second)).status_code == 422
    assert (await client.get("/api/v1/auth/me", headers=account.headers)).status_code == 401
    refreshed = await client.post("/api/v1/auth/refresh", json={"refresh_token": account.body["refresh_token"]})
    assert refreshed.status_code == 401
    assert (await login(client, account.email)).status_code == 401
    assert (await login(client, account.email, NEW_PASSWORD)).status_code == 200


async def test_S26_a_link_expires(
    client: httpx.AsyncClient, register: Register, resets: Resets, database: Connection
) -> None:
    account = await register()
    token = await resets.ask(client, account.email)
    await database.execute("update password_resets set expires_at = now() - interval '1 second'")
    assert (await reset(client, token)).status_code == 422


async def test_S26_the_gateway_answers_to_its_own_names(make_settings: SettingsFactory) -> None:
    settings = make_settings(allowed_hosts="gateway.test, other.test")
    async with running(create_app(settings)) as app, client_of(app) as client:
        for host, status in (("gateway.test", 401), ("OTHER.test:8000", 401), ("evil.example", 400), ("", 400)):
            answer = await client.get("/api/v1/auth/me", headers={"Host": host})
            assert answer.status_code == status, host
        assert (await client.get("/health", headers={"Host": "10.1.2.3:8000"})).status_code == 200


async def test_mail_carries_the_link_and_the_log_does_not(
    make_settings: SettingsFactory, resets: Resets, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[EmailMessage] = []

    class Server:
        def __init__(self, host: str, port: int, timeout: float) -> None:
            assert (host, port) == ("mail.example", 587)

        def __enter__(self) -> "Server":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def starttls(self, context: object) -> None:
            pass

        def send_message(self, message: EmailMessage) -> None:
            sent.append(message)

    monkeypatch.setattr(smtplib, "SMTP", Server)
    async with running(create_app(make_settings(smtp_host="mail.example"))) as app, client_of(app) as client:
        account = await registering(client)()
        await client.post("/api/v1/auth/forgot-password", json={"email": account.email})
        await client.post("/api/v1/team/invite", headers=account.headers, json={"email": "guest@example.com"})
        while len(sent) < 2:
            await asyncio.sleep(0.01)
    recipients = {str(message["To"]): message.get_content() for message in sent}
    assert "http://localhost:3000/reset-password?token=" in recipients[account.email]
    assert "http://localhost:3000/accept-invitation?token=" in recipients["guest@example.com"]
    assert resets.links() == []


@pytest.fixture
async def setters(client: httpx.AsyncClient, resets: Resets) -> dict[str, Callable[[str], Any]]:
    """Return every way to set a password."""
    account: Account = await registering(client)()
    invited = await client.post("/api/v1/team/invite", headers=account.headers, json={"email": "guest@example.com"})
    invitation = invited.json()["data"]["link"].partition("token=")[2]
    token = await resets.ask(client, account.email)
    names = {"full_name": "x", "workspace_name": "y"}
    return {
        "register": lambda password: client.post(
            "/api/v1/auth/register", json={"email": "new@example.com", "password": password, **names}
        ),
        "reset": lambda password: reset(client, token, password),
        "invitation": lambda password: client.post(
            "/api/v1/team/accept", json={"token": invitation, "full_name": "x", "password": password}
        ),
        "change": lambda password: client.post(
            "/api/v1/auth/change-password",
            headers=account.headers,
            json={"current_password": PASSWORD, "new_password": password},
        ),
    }


@pytest.mark.parametrize("password", ["short", "password1", "x" * 73, "agentobs-2026"])
async def test_S27_every_way_to_set_a_password_has_one_policy(
    setters: dict[str, Callable[[str], Any]], password: str
) -> None:
    answers = {name: await setter(password) for name, setter in setters.items()}
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(setters, 422)


async def test_S27_every_way_to_log_in_counts_wrong_passwords(
    app: FastAPI, client: httpx.AsyncClient, register: Register
) -> None:
    owner, guest = await register(), await register()
    invited = await client.post("/api/v1/team/invite", headers=owner.headers, json={"email": guest.email})
    token = invited.json()["data"]["link"].partition("token=")[2]
    async with client_of(app, STRANGER) as stranger:
        statuses = [
            (await stranger.post("/api/v1/team/accept", json={"token": token, "password": "wrong word"})).status_code
            for _ in range(11)
        ]
        assert statuses == [401] * 10 + [429]
        assert (await login(stranger, guest.email)).status_code == 429


@pytest.mark.parametrize("name", ["jwt_secret", "api_key_salt", "internal_token_secret"])
@pytest.mark.parametrize("value", ["", "short", "x" * 40, "changeme-changeme-changeme-0123456789", None])
def test_S28_nothing_starts_with_a_weak_secret(make_settings: SettingsFactory, name: str, value: str | None) -> None:
    with pytest.raises(ValidationError):
        make_settings(**{name: value})


async def test_S28_no_account_exists_and_the_first_needs_the_set_up_token(
    make_settings: SettingsFactory, database: Connection
) -> None:
    assert await database.fetchval("select count(*) from users") == 0
    body = {"email": "a@example.com", "password": PASSWORD, "full_name": "x", "workspace_name": "y"}
    async with running(create_app(make_settings(setup_token="only the operator"))) as app, client_of(app) as client:
        for guess in ({}, {"setup_token": "guess"}):
            refused = await client.post("/api/v1/auth/register", json=body | guess)
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "setup_token_required")
        first = await client.post("/api/v1/auth/register", json=body | {"setup_token": "only the operator"})
        assert first.json()["user"]["platform_role"] == "platform_admin"
        second = await client.post("/api/v1/auth/register", json=body | {"email": "b@example.com"})
        assert second.json()["user"]["platform_role"] == "user"
