"""Settings, secrets, masks, an OpenTelemetry that is set up already, and the exporter alone."""

import json
from pathlib import Path

import pytest
from conftest import MakeClient
from fake_platform import FakePlatform
from opentelemetry import trace as otel_trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from agent_observability import AgentObservabilityExporter
from agent_observability.config import DEFAULT_ENDPOINT, resolve
from agent_observability.redaction import redact


def attributes(fake: FakePlatform, name: str) -> dict[str, str]:
    (span,) = (span for span in fake.spans.values() if span.name == name)
    return {attribute.key: attribute.value.string_value for attribute in span.attributes}


def test_the_constructor_beats_the_environment_beats_the_default() -> None:
    environment = {
        "AGENTOBS_ENDPOINT": "https://obs.example.com/",
        "AGENTOBS_SAMPLE_RATE": "0.25",
        "AGENTOBS_SPOOL": "no",
    }
    settings = resolve({"sample_rate": 0.0}, environment)
    assert (settings.endpoint, settings.sample_rate, settings.spool) == ("https://obs.example.com", 0.0, False)
    assert resolve({}, {}).endpoint == DEFAULT_ENDPOINT


def test_what_cannot_be_read_is_said_and_left_at_its_default(caplog: pytest.LogCaptureFixture) -> None:
    settings = resolve(
        {"endpoint": "obs.example.com"}, {"AGENTOBS_SAMPLE_RATE": "many", "AGENTOBS_DISABLED": "perhaps"}
    )
    assert (settings.sample_rate, settings.disabled, settings.endpoint) == (1.0, False, DEFAULT_ENDPOINT)
    assert "AGENTOBS_SAMPLE_RATE" in caplog.text
    assert "AGENTOBS_DISABLED" in caplog.text


def test_the_key_is_not_shown() -> None:
    assert "secret" not in repr(resolve({"api_key": "ao_live_secret"}, {}))


def test_disabled_is_a_no_op(make_client: MakeClient, fake: FakePlatform, spool_dir: Path) -> None:
    obs = make_client(disabled=True)
    with obs.span("x"):
        pass
    assert obs.flush().created == 0
    assert not spool_dir.exists()


_KEY = "sk-proj-" + "Ab1" * 12


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (f"my key is {_KEY}.", "my key is <redacted>."),
        ("Authorization: Bearer abcdefghijklmnopqrstuvwxyz", "Authorization: <redacted>"),
        ("AKIAABCDEFGHIJKLMNOP", "<redacted>"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlMTIz", "<redacted>"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- end", "<redacted> end"),
        ('{"password": "hunter2", "user": "bob"}', '{"password": "<redacted>", "user": "bob"}'),
        ('{"db_password":"a\\"b","n":1}', '{"db_password":"<redacted>","n":1}'),
        ('{"api_key":12345,"Authorization":"x"}', '{"api_key":"<redacted>","Authorization":"<redacted>"}'),
        (
            '{"body":"{\\"password\\":\\"hunter2\\",\\"a\\":1}"}',
            '{"body":"{\\"password\\":\\"<redacted>\\",\\"a\\":1}"}',
        ),
        ("{'client_secret': 'xyz', 'a': 1}", "{'client_secret': '<redacted>', 'a': 1}"),
        ('{"secrets":["a","b"]}', '{"secrets":["a","b"]}'),
        ('{"max_tokens": 100, "tokens": 5, "token_count": 3}', '{"max_tokens": 100, "tokens": 5, "token_count": 3}'),
        ("How do I reset my password: by mail?", "How do I reset my password: by mail?"),
        ("task-1234567890-abcdefghij and risk-free", "task-1234567890-abcdefghij and risk-free"),
    ],
)
def test_secrets_are_told_by_form_and_name(text: str, cleaned: str) -> None:
    assert redact(text) == cleaned


def test_redaction_of_a_long_text_takes_no_longer_than_reading_it() -> None:
    """Texts made to let patterns try again and again."""
    for text in ("a_" * 50_000, '"' * 100_000, '{"a_b_c_' * 20_000, '"password":"' + "\\" * 100_000, "sk-" * 50_000):
        redact(text)


def test_secrets_do_not_leave_the_process(make_client: MakeClient, fake: FakePlatform, spool_dir: Path) -> None:
    obs = make_client()

    @obs.trace("log-in")
    def log_in(user: str, password: str) -> dict[str, str]:
        raise ValueError(f"wrong key {_KEY}")

    with pytest.raises(ValueError, match="wrong key"):
        log_in("bob", "hunter2")
    with obs.span("call") as span:
        span.set_output({"authorization": "Bearer of bad news", "note": _KEY})
    with otel_trace.get_tracer("other").start_as_current_span("other") as other:
        other.set_attribute("http.request.header.authorization", "Basic Ym9iOmh1bnRlcjI=")
        other.set_attribute("llm.input", f"use {_KEY}")
        other.add_event("log", {"line": f"key={_KEY}"})
    obs.flush(30)
    sent = b"".join(str(request.spans).encode() for request in fake.requests if request.path == "/v1/traces")
    for secret in (b"hunter2", _KEY.encode(), b"Ym9iOmh1bnRlcjI", b"bad news"):
        assert secret not in sent
    assert json.loads(attributes(fake, "log-in")["agentobs.input"]) == {"user": "bob", "password": "<redacted>"}


def test_a_mask_sees_every_text_after_redaction(make_client: MakeClient, fake: FakePlatform) -> None:
    seen: list[tuple[str, str]] = []

    def mask(name: str, text: str) -> str:
        seen.append((name, text))
        return text.replace("Bob", "<name>")

    obs = make_client(mask=mask)
    with obs.trace_context("talk", user_id="u-Bob") as span:
        span.set_output({"said": "I am Bob", "password": "x"})
    obs.flush(30)
    assert attributes(fake, "talk")["agentobs.output"] == '{"said":"I am <name>","password":"<redacted>"}'
    assert attributes(fake, "talk")["user.id"] == "u-<name>"
    assert ("agentobs.output", '{"said":"I am Bob","password":"<redacted>"}') in seen


def test_a_mask_that_fails_costs_the_content_only(
    make_client: MakeClient, fake: FakePlatform, caplog: pytest.LogCaptureFixture
) -> None:
    def mask(name: str, text: str) -> str:
        if name == "agentobs.output":
            raise RuntimeError(text)
        return text

    obs = make_client(mask=mask)
    with obs.span("talk") as span:
        span.set_output("very private")
    assert obs.flush(30).stored == 1
    assert attributes(fake, "talk")["agentobs.output"] == "<removed: the mask failed>"
    assert "very private" not in caplog.text


def test_content_is_left_out_when_asked(make_client: MakeClient, fake: FakePlatform) -> None:
    obs = make_client(capture_content=False)

    @obs.trace("answer")
    def answer(question: str) -> str:
        obs.set_input("private")
        obs.set_output("private")
        return "private"

    assert answer("private") == "private"
    with obs.span("inner", input="private"):
        pass
    obs.flush(30)
    assert "private" not in str(fake.spans)


def test_an_opentelemetry_that_is_set_up_is_joined(make_client: MakeClient, fake: FakePlatform) -> None:
    provider = TracerProvider()
    own = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(own))
    otel_trace.set_tracer_provider(provider)
    obs = make_client(environment="staging", release="7", api_key="same")
    again = make_client(environment="staging", release="7", api_key="same")
    theirs = otel_trace.get_tracer("theirs")
    with obs.trace_context(user_id="u-1"), theirs.start_as_current_span("theirs"), again.span("ours"):
        pass
    report = obs.flush(30)
    assert (report.created, report.stored) == (3, 3)
    assert {span.name for span in own.get_finished_spans()} == {"trace", "theirs", "ours"}
    assert otel_trace.get_tracer_provider() is provider
    assert attributes(fake, "theirs")["user.id"] == "u-1"
    root = attributes(fake, "trace")
    assert (root["deployment.environment.name"], root["agentobs.release"]) == ("staging", "7")


def test_sampling_where_the_provider_is_another(make_client: MakeClient, fake: FakePlatform) -> None:
    otel_trace.set_tracer_provider(TracerProvider())
    obs = make_client(sample_rate=0.5)
    for _ in range(100):
        with obs.span("x"):
            pass
    report = obs.flush(30)
    assert report.stored + report.sampled == report.created == 100
    assert 0 < report.sampled < 100


def test_what_another_sampler_leaves_out_is_not_sent(make_client: MakeClient, fake: FakePlatform) -> None:
    otel_trace.set_tracer_provider(TracerProvider(sampler=ALWAYS_OFF))
    obs = make_client()
    with obs.span("x"):
        pass
    assert obs.flush(30).created == 0


def test_long_conversations_keep_their_attributes(make_client: MakeClient, fake: FakePlatform) -> None:
    obs = make_client()
    with obs.span("long"):
        for number in range(1_000):
            otel_trace.get_current_span().set_attribute(f"llm.input_messages.{number}.message.content", "x")
    obs.flush(30)
    assert len(attributes(fake, "long")) == 1_001


def test_the_exporter_alone(fake: FakePlatform, spool_dir: Path) -> None:
    exporter = AgentObservabilityExporter("key", fake.url, spool_dir=str(spool_dir))
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    with provider.get_tracer("theirs").start_as_current_span("theirs"):
        pass
    assert provider.force_flush()
    assert exporter.force_flush()
    assert exporter.report().stored == 1
    assert [span.name for span in fake.spans.values()] == ["theirs"]
    provider.shutdown()


def test_after_shutdown_nothing_is_traced_and_nothing_fails(make_client: MakeClient, fake: FakePlatform) -> None:
    obs = make_client()
    with obs.span("before"):
        pass
    assert obs.shutdown(30).complete
    with obs.span("after"):
        obs.score("x", 1)
    assert obs.flush(1).complete
    assert obs.shutdown(1).created == 1
    assert len(fake.spans) == 1


def test_mistakes_of_this_package_are_counted_and_said_once(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, own_mistakes: list[Exception]
) -> None:
    obs = make_client()
    monkeypatch.setattr("agent_observability.decorators.to_text", lambda value: 1 / 0)

    @obs.trace()
    def answer(question: str) -> str:
        return question

    assert answer("q") == "q"
    assert [type(mistake) for mistake in own_mistakes] == [ZeroDivisionError, ZeroDivisionError]
    own_mistakes.clear()
