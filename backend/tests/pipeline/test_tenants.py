"""What one workspace sends under the ids of another touches nothing of the other."""

import random

from tests.harness.traffic import make_spans, pack
from tests.harness.verdict import wait_until_drained
from tests.pipeline.workspace import Workspace

_HEADERS = {"Content-Type": "application/x-protobuf"}


def test_S05_the_workspace_travels_with_every_message(workspace: Workspace, other_workspace: Workspace) -> None:
    spans = make_spans(random.Random(5), 1)
    trace_id = spans[0].trace_id.hex()
    assert workspace.client.post("/v1/traces", content=pack(spans), headers=_HEADERS).status_code == 200
    for span in spans:
        span.name = "forged"
        span.end_time_unix_nano += 10**9
    assert other_workspace.client.post("/v1/traces", content=pack(spans), headers=_HEADERS).status_code == 200
    wait_until_drained(workspace.platform)
    names = {span["name"] for span in workspace.get(f"/api/v1/traces/{trace_id}")["spans"]}
    assert names == {"agent", "chat"}
    assert {span["name"] for span in other_workspace.get(f"/api/v1/traces/{trace_id}")["spans"]} == {"forged"}


async def test_S04_scores_and_feedback_stay_in_the_senders_workspace(
    workspace: Workspace, other_workspace: Workspace
) -> None:
    spans = make_spans(random.Random(4), 1)
    trace_id = spans[0].trace_id.hex()
    assert workspace.client.post("/v1/traces", content=pack(spans), headers=_HEADERS).status_code == 200
    for path, body in (
        ("/api/v1/scores", {"trace_id": trace_id, "name": "quality", "value": 0.0, "source": "user"}),
        ("/api/v1/feedback", {"trace_id": trace_id, "rating": -1}),
        ("/api/v1/outcomes", {"trace_id": trace_id, "success": False}),
    ):
        assert other_workspace.client.post(path, json=body).status_code == 202
        answer = other_workspace.client.post(path, json={**body, "workspace_id": workspace.id})
        assert answer.status_code == 403
    wait_until_drained(workspace.platform)
    assert workspace.get(f"/api/v1/traces/{trace_id}")["scores"] == {}
    for table in ("scores", "feedback", "outcomes"):
        assert await workspace.ask(f"select count(*) from {table} where workspace_id = $1") == 0
        assert await other_workspace.ask(f"select count(*) from {table} where workspace_id = $1") == 1
    assert other_workspace.client.get(f"/api/v1/traces/{trace_id}").status_code == 404
