"""What the README and the pages say is what there is: names, docstrings, settings, and examples that run."""

import inspect
import re
from dataclasses import fields
from pathlib import Path

import programs
import pytest
from fake_platform import FakePlatform

import agent_observability
from agent_observability import AgentObservability, Span, testing
from agent_observability.config import PREFIX, Settings

_SDK = Path(__file__).parents[1]
_README = (_SDK / "README.md").read_text()
_PAGES = sorted((_SDK.parent / "docs" / "sdk").glob("*.md"))
# Methods that the package's own modules call.
_INTERNAL = {"enter", "start", "put_record", "delivering_to", "set_first_input"}


def public(owner: object) -> set[str]:
    return {name for name in dir(owner) if not name.startswith("_")} - _INTERNAL


def section(title: str) -> str:
    return _README.split(f"## {title}\n")[1].split("\n## ")[0]


def test_the_readme_lists_the_names() -> None:
    listed = set(
        re.findall(
            r"`([A-Za-z_]+)`",
            "\n".join(line.split("|")[1] for line in section("Names").splitlines() if line.startswith("| `")),
        )
    )
    listed -= {"agent_observability"}
    exported = set(agent_observability.__all__) - {"__version__"}
    assert listed == exported | public(AgentObservability) | {"settings"}
    assert len(exported) <= 15
    assert all(f"`{name}`" in section("Names") for name in testing.__all__)
    assert all(f"`{name}`" in section("Names") for name in public(Span) | {"trace_id", "span_id"})


def test_the_readme_lists_the_settings() -> None:
    rows = [
        [cell.strip() for cell in line.split("|")[1:4]]
        for line in section("Settings").splitlines()
        if line.startswith("| `")
    ]
    expected = []
    for setting in fields(Settings):
        variable = "–" if setting.name == "mask" else f"`{PREFIX}{setting.name.upper()}`"
        default = "–" if setting.default is None else f"`{setting.default}`"
        expected.append([f"`{setting.name}`", variable, default])
    assert rows == expected


def test_the_constructor_takes_every_setting() -> None:
    parameters = list(inspect.signature(AgentObservability).parameters)
    assert parameters == [setting.name for setting in fields(Settings)]
    documented = inspect.getdoc(AgentObservability.__init__) or ""
    assert all(f"{name}:" in documented for name in parameters)


@pytest.mark.parametrize("owner", [AgentObservability, Span, agent_observability.DeliveryReport])
def test_everything_public_is_described(owner: type) -> None:
    for name in public(owner):
        member = inspect.getattr_static(owner, name)
        if callable(member) or isinstance(member, property):
            assert inspect.getdoc(member), f"{owner.__name__}.{name}"
            if callable(member):
                text = inspect.getdoc(member) or ""
                parameters = [
                    one for one in inspect.signature(member).parameters if one not in ("self", "args", "kwargs")
                ]
                if len(parameters) > 1 and "Args:" in text:
                    assert all(re.search(rf"^    {one}: ", text, re.MULTILINE) for one in parameters), (
                        f"{name}: {parameters}"
                    )


def test_examples_of_the_readme_run(fake: FakePlatform, spool_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTOBS_API_KEY", "readme")
    monkeypatch.setenv("AGENTOBS_ENDPOINT", fake.url)
    monkeypatch.setenv("AGENTOBS_SPOOL_DIR", str(spool_dir))
    monkeypatch.setattr(AgentObservability, "instrument", lambda self, *names: [])
    namespace: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", _README, re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)
    obs = namespace["obs"]
    assert isinstance(obs, AgentObservability)
    assert obs.shutdown(30).complete
    assert {span.name for span in fake.spans.values()} == {
        "answer",
        "support-bot",
        "find_order",
        "ask-model",
        "handoff to billing",
    }
    assert [path for path, _ in fake.records] == ["/api/v1/scores", "/api/v1/feedback", "/api/v1/outcomes"]


def test_the_first_trace_of_the_dashboard_arrives(fake: FakePlatform, spool_dir: Path) -> None:
    page = (_SDK.parent / "frontend" / "src" / "features" / "home" / "snippets.ts").read_text()
    code = page.split("code: `# pip install")[1].split("`")[0].partition("\n")[2]
    programs.run(code.replace("${endpoint}", fake.url).replace("${key}", "dashboard"), fake.url, "other", spool_dir)
    assert [span.name for span in fake.spans.values()] == ["hello"]


@pytest.mark.parametrize("page", [_SDK / "README.md", *_PAGES], ids=lambda page: page.name)
def test_links_of_the_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_python_on_the_pages_compiles(page: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        compile(block, page.name, "exec")
