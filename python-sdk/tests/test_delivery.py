"""From finished spans to a platform that does not always take them."""

import json
import os
import socket
import threading
import time
from pathlib import Path

import pytest
from conftest import MakeClient
from fake_platform import FakePlatform, Request, Response

from agent_observability import AgentObservability
from agent_observability.spool import find_folder, workspace_folder


def make_spans(obs: AgentObservability, number: int, prefix: str = "step") -> None:
    for index in range(number):
        with obs.span(f"{prefix}-{index}"):
            pass


def files_of(spool_dir: Path, state: str) -> list[Path]:
    return sorted(path for path in spool_dir.rglob(f"*.{state}") if "damaged" not in path.parts)


def wait_for_files(spool_dir: Path, state: str) -> list[Path]:
    while not (found := files_of(spool_dir, state)):
        time.sleep(0.05)
    return found


def kill(obs: AgentObservability, spool_dir: Path) -> None:
    """Leave the files of a client as a process that was killed a minute ago does."""
    obs.shutdown(0)
    for thread in threading.enumerate():
        if thread.name.startswith("agentobs-"):
            thread.join()
    for heartbeat in spool_dir.rglob("heartbeat"):
        os.utime(heartbeat, (time.time() - 60, time.time() - 60))


def unused_endpoint() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_everything_is_stored_and_the_account_is_reported(make_client: MakeClient, fake: FakePlatform) -> None:
    obs = make_client()
    make_spans(obs, 2_500)
    report = obs.flush(30)
    assert (report.created, report.stored, report.complete) == (2_500, 2_500, True)
    assert len(fake.spans) == 2_500
    assert fake.reported() == {"created": 2_500, "delivered": 2_500, "sampled": 0, "dropped": {}}


def test_nothing_is_left_behind(make_client: MakeClient, spool_dir: Path) -> None:
    obs = make_client()
    make_spans(obs, 3)
    assert obs.shutdown(30).complete
    assert [path for path in spool_dir.rglob("*") if path.is_file()] == []


def test_folders_and_files_are_closed_to_others(make_client: MakeClient, spool_dir: Path) -> None:
    obs = make_client(unused_endpoint())
    make_spans(obs, 1)
    obs.flush(0.3)
    (batch,) = files_of(spool_dir, "batch")
    assert batch.stat().st_mode & 0o777 == 0o600
    assert batch.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(make_client: MakeClient, fake: FakePlatform, status: int) -> None:
    fake.once("/v1/traces", Response(status))
    obs = make_client()
    make_spans(obs, 5)
    report = obs.flush(30)
    assert (report.stored, report.rejected) == (5, {})
    assert fake.count("/v1/traces") == 2


def test_retry_after_is_honoured(make_client: MakeClient, fake: FakePlatform) -> None:
    times: list[float] = []

    def watch(request: Request) -> None:
        if request.path == "/v1/traces":
            times.append(time.monotonic())

    fake.rules.append(watch)
    fake.once("/v1/traces", Response(503, headers={"Retry-After": "3"}))
    obs = make_client()
    make_spans(obs, 1)
    assert obs.flush(30).stored == 1
    assert times[1] - times[0] >= 3


def test_a_refused_request_is_counted_with_its_reason(make_client: MakeClient, fake: FakePlatform) -> None:
    fake.once("/v1/traces", Response(400, {"error": {"code": "malformed_request"}}))
    obs = make_client()
    make_spans(obs, 4)
    report = obs.flush(30)
    assert (report.stored, report.rejected, report.complete) == (0, {"malformed_request": 4}, True)
    assert fake.reported() == {"created": 4, "delivered": 0, "sampled": 0, "dropped": {"malformed_request": 4}}


def test_a_partly_stored_request_is_counted_item_by_item(make_client: MakeClient, fake: FakePlatform) -> None:
    receipt = {"state": "partial", "received": 5, "stored": 2, "duplicate": 1, "rejected": 1, "dead_lettered": 1}
    fake.once("/api/v1/receipts/", Response(200, {**receipt, "reasons": {"time_too_old": 1}}))
    obs = make_client()
    make_spans(obs, 5)
    report = obs.flush(30)
    assert (report.stored, report.rejected) == (3, {"time_too_old": 1, "dead_lettered": 1})
    assert report.complete


def test_a_receipt_is_asked_for_until_it_says_more_than_queued(make_client: MakeClient, fake: FakePlatform) -> None:
    fake.once("/api/v1/receipts/", *[Response(200, {"state": "queued"})] * 4)
    obs = make_client()
    make_spans(obs, 1)
    assert obs.flush(30).stored == 1
    assert fake.count("/api/v1/receipts/") == 5


def test_what_the_platform_has_no_receipt_of_is_sent_again(make_client: MakeClient, fake: FakePlatform) -> None:
    fake.once("/api/v1/receipts/", Response(404))
    obs = make_client()
    make_spans(obs, 3)
    assert obs.flush(30).stored == 3
    assert fake.count("/v1/traces") == 2
    assert fake.reported()["delivered"] == 3


def test_a_large_request_is_halved_until_it_fits(make_client: MakeClient, fake: FakePlatform) -> None:
    def too_large(request: Request) -> Response | None:
        return Response(413) if request.path == "/v1/traces" and len(request.spans) > 3 else None

    fake.rules.append(too_large)
    obs = make_client()
    make_spans(obs, 10)
    report = obs.flush(30)
    assert (report.stored, report.rejected) == (10, {})
    assert len(fake.spans) == 10
    assert fake.reported() == {"created": 10, "delivered": 10, "sampled": 0, "dropped": {}}


def test_a_span_that_never_fits_is_rejected(make_client: MakeClient, fake: FakePlatform) -> None:
    fake.always("/v1/traces", Response(413))
    obs = make_client()
    make_spans(obs, 1)
    assert obs.flush(30).rejected == {"http_413": 1}


def test_a_refused_key_keeps_everything(
    make_client: MakeClient, fake: FakePlatform, spool_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    end = fake.always("/v1/traces", Response(401))
    obs = make_client(api_key="ao_live_a_key_that_nobody_knows")
    make_spans(obs, 7)
    report = obs.flush(1)
    assert (report.spooled, report.complete) == (7, False)
    assert "a_key_that_nobody_knows" not in caplog.text
    assert "until the API key is right" in caplog.text
    end()
    assert obs.flush(30).stored == 7
    assert files_of(spool_dir, "batch") == []


@pytest.mark.parametrize("status", [301, 404, 405])
def test_a_wrong_address_costs_nothing(make_client: MakeClient, fake: FakePlatform, status: int) -> None:
    end = fake.always("/v1/traces", Response(status, headers={"Location": "http://127.0.0.1:9/"}))
    obs = make_client()
    make_spans(obs, 2)
    assert obs.flush(0.5).spooled == 2
    end()
    assert obs.flush(30).stored == 2


def test_records_carry_a_key_that_makes_them_safe_to_repeat(make_client: MakeClient, fake: FakePlatform) -> None:
    fake.once("/api/v1/scores", Response(503))
    obs = make_client()
    obs.score("helpful", 1, trace_id="4bf92f3577b34da6a3ce929d0e0e4736")
    obs.feedback(5, trace_id="4bf92f3577b34da6a3ce929d0e0e4736", comment="password: {'password': 'hunter2'}")
    obs.outcome(True, session_id="s-1")
    assert obs.flush(30).stored == 3
    keys = [request.headers["idempotency-key"] for request in fake.requests if request.path == "/api/v1/scores"]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert dict(fake.records) == {
        "/api/v1/scores": {
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "name": "helpful",
            "value": 1,
            "source": "code",
        },
        "/api/v1/feedback": {
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "rating": 5,
            "comment": "password: {'password': '<redacted>'}",
        },
        "/api/v1/outcomes": {"session_id": "s-1", "success": True},
    }


def test_sampling_is_by_trace_and_counted(make_client: MakeClient, fake: FakePlatform) -> None:
    obs = make_client(sample_rate=0.5)
    for _ in range(200):
        with obs.span("root"), obs.span("child"):
            pass
    report = obs.flush(30)
    assert report.created == 400
    assert report.stored + report.sampled == 400
    assert 0 < report.sampled < 400
    names: dict[bytes, int] = {}
    for span in fake.spans.values():
        names[span.trace_id] = names.get(span.trace_id, 0) + 1
    assert set(names.values()) == {2}
    assert fake.reported() == {
        "created": 400,
        "delivered": report.stored,
        "sampled": report.sampled,
        "dropped": {},
    }


def test_an_account_that_no_span_carries_is_reported(make_client: MakeClient, fake: FakePlatform) -> None:
    obs = make_client(sample_rate=0.0)
    make_spans(obs, 12)
    report = obs.flush(30)
    assert (report.created, report.sampled, report.complete) == (12, 12, True)
    assert fake.count("/v1/traces") == 0
    obs.shutdown(30)
    assert fake.reported() == {"created": 12, "delivered": 0, "sampled": 12, "dropped": {}}


def test_memory_is_bounded_and_drops_are_counted(make_client: MakeClient, fake: FakePlatform) -> None:
    obs = make_client(queue_max_items=100)
    make_spans(obs, 20_000)
    report = obs.flush(30)
    assert report.created == 20_000
    assert report.stored + report.dropped["queue_full"] == 20_000
    assert report.dropped["queue_full"] > 0
    assert report.complete
    obs.shutdown(30)
    reported = fake.reported()
    assert reported["created"] == 20_000
    assert reported["dropped"] == {"queue_full": report.dropped["queue_full"]}


def test_a_full_spool_drops_what_is_new(make_client: MakeClient, spool_dir: Path, fake: FakePlatform) -> None:
    obs = make_client(unused_endpoint(), api_key="full", spool_max_bytes=20_000)
    for _ in range(30):
        make_spans(obs, 50)
        obs.flush(0.05)
    report = obs.report()
    assert report.spooled + report.dropped["spool_full"] == 1_500
    assert report.spooled > 0
    assert sum(path.stat().st_size for path in files_of(spool_dir, "batch")) <= 20_000


def test_a_folder_that_everybody_may_write_serves_when_it_is_named(make_client: MakeClient, tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume").chmod(0o777)
    obs = make_client(unused_endpoint(), spool_dir=str(tmp_path / "volume"))
    make_spans(obs, 1)
    obs.flush(0.3)
    assert len(files_of(tmp_path / "volume", "batch")) == 1


def test_a_folder_that_others_could_have_laid_out_does_not_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "file"
    home.touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    trap = tmp_path / f"agentobs-spool-{os.getuid()}"
    trap.mkdir()
    trap.chmod(0o777)
    assert find_folder(None, "workspace") is None
    trap.chmod(0o700)
    assert find_folder(None, "workspace") == trap / "workspace"
    (trap / "workspace").rmdir()
    trap.rename(tmp_path / "elsewhere")
    trap.symlink_to(tmp_path / "elsewhere")
    assert find_folder(None, "workspace") is None


def test_without_a_folder_memory_is_used(
    make_client: MakeClient, fake: FakePlatform, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    fake.once("/v1/traces", Response(503))
    obs = make_client(spool_dir=str(in_the_way / "spool"))
    make_spans(obs, 3)
    assert obs.flush(30).stored == 3
    assert "kept in memory only" in caplog.text


def test_without_a_spool_the_end_counts_what_is_lost(make_client: MakeClient) -> None:
    obs = make_client(unused_endpoint(), spool=False)
    make_spans(obs, 3)
    report = obs.shutdown(0.5)
    assert report.dropped == {"exit": 3}
    assert report.complete


def test_what_a_dead_process_left_is_sent_by_the_next(
    make_client: MakeClient, fake: FakePlatform, spool_dir: Path
) -> None:
    end = fake.always("/v1/traces", Response(503))
    first = make_client(api_key="same")
    make_spans(first, 40, "first")
    assert first.flush(0.5).spooled == 40
    kill(first, spool_dir)
    end()
    second = make_client(api_key="same")
    make_spans(second, 2, "second")
    report = second.flush(30)
    assert (report.created, report.stored) == (2, 2)
    while files_of(spool_dir, "batch") or files_of(spool_dir, "sent"):
        time.sleep(0.05)
    assert len(fake.spans) == 42
    assert fake.reported() == {"created": 42, "delivered": 42, "sampled": 0, "dropped": {}}


def test_what_was_accepted_before_the_end_is_followed_by_the_next(
    make_client: MakeClient, fake: FakePlatform, spool_dir: Path
) -> None:
    end = fake.always("/api/v1/receipts/", Response(200, {"state": "queued"}))
    first = make_client(api_key="same")
    make_spans(first, 5)
    assert first.flush(0.6).accepted == 5
    kill(first, spool_dir)
    end()
    second = make_client(api_key="same")
    make_spans(second, 1)
    second.flush(30)
    while files_of(spool_dir, "sent"):
        time.sleep(0.05)
    assert fake.count("/v1/traces") == 2
    assert fake.reported() == {"created": 6, "delivered": 6, "sampled": 0, "dropped": {}}


def test_a_kill_between_report_and_deletion_reports_once(
    make_client: MakeClient, fake: FakePlatform, spool_dir: Path
) -> None:
    """The file is still there although its account was reported: the report is repeated under the same key."""
    end = fake.always("/api/v1/client-reports", Response(503))
    first = make_client(api_key="same")
    make_spans(first, 5)
    first.flush(0.6)
    (left,) = files_of(spool_dir, "sent")
    content = left.read_bytes()
    end()
    first.flush(30)
    first.shutdown(5)
    run = spool_dir / workspace_folder(fake.url, "same") / ("0" * 32)
    run.mkdir()
    (run / left.name).write_bytes(content)
    os.utime(run, (time.time() - 60, time.time() - 60))
    second = make_client(api_key="same")
    make_spans(second, 1)
    second.flush(30)
    while files_of(spool_dir, "sent"):
        time.sleep(0.05)
    assert fake.reported()["created"] == 6


def test_keys_do_not_mix(make_client: MakeClient, fake: FakePlatform, spool_dir: Path) -> None:
    end = fake.always("/v1/traces", Response(503))
    first = make_client(api_key="one")
    make_spans(first, 3, "secret-of-one")
    first.flush(0.5)
    kill(first, spool_dir)
    end()
    second = make_client(api_key="two")
    make_spans(second, 1)
    assert second.shutdown(30).stored == 1
    assert len(fake.spans) == 1
    assert len(files_of(spool_dir, "batch")) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-20],
        lambda data: b"\x00" * len(data),
        lambda data: b"{}\n" + data,
        lambda data: data.replace(b'"v":1', b'"v":9'),
    ],
)
def test_a_damaged_file_is_moved_aside_and_counted(
    make_client: MakeClient, fake: FakePlatform, spool_dir: Path, damage: "object"
) -> None:
    end = fake.always("/v1/traces", Response(503))
    first = make_client(api_key="same")
    make_spans(first, 4)
    first.flush(0.5)
    kill(first, spool_dir)
    (left,) = files_of(spool_dir, "batch")
    left.write_bytes(damage(left.read_bytes()))  # type: ignore[operator]
    end()
    second = make_client(api_key="same")
    make_spans(second, 2)
    second.flush(30)
    while not fake.reported()["dropped"]:
        second.flush(30)
    assert (spool_dir / workspace_folder(fake.url, "same") / "damaged" / left.name).exists()
    assert fake.reported() == {"created": 6, "delivered": 2, "sampled": 0, "dropped": {"damaged": 4}}


def test_foreign_files_do_not_matter(make_client: MakeClient, fake: FakePlatform, spool_dir: Path) -> None:
    workspace = spool_dir / workspace_folder(fake.url, "same")
    run = workspace / "not-a-run"
    run.mkdir(parents=True)
    (run / "notes.txt").write_text("hello")
    (workspace / "file").write_text("hello")
    os.utime(run, (time.time() - 60, time.time() - 60))
    obs = make_client(api_key="same")
    make_spans(obs, 1)
    assert obs.shutdown(30).stored == 1


def test_a_living_process_keeps_its_files(make_client: MakeClient, fake: FakePlatform, spool_dir: Path) -> None:
    end = fake.always("/v1/traces", Response(503))
    obs = make_client(api_key="same")
    make_spans(obs, 1)
    obs.flush(0.5)
    (batch,) = files_of(spool_dir, "batch")
    from agent_observability.spool import Spool

    other = Spool(batch.parent.parent, 1_000_000)
    assert other.adopt() == []
    assert batch.exists()
    end()


def test_headers_are_those_of_the_description(make_client: MakeClient, spool_dir: Path) -> None:
    obs = make_client(unused_endpoint())
    make_spans(obs, 2)
    obs.flush(0.3)
    (batch,) = files_of(spool_dir, "batch")
    head, _, body = batch.read_bytes().partition(b"\n")
    header = json.loads(head)
    assert batch.name == f"{header['id']}-2.batch"
    assert header == {
        "v": 1,
        "id": header["id"],
        "path": "/v1/traces",
        "content_type": "application/x-protobuf",
        "content_encoding": "gzip",
        "items": 2,
        "bytes": len(body),
        "account": {"created": 2, "sampled": 0, "dropped": {}},
    }
