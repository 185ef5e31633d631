"""What the user reads when everything runs."""

from launcher.deployment import Deployment
from launcher.programs import DASHBOARD

_FIRST_STEPS = """\
First steps
  1. Register; the answer holds an access_token:
     curl -s {gateway}/api/v1/auth/register -H 'Content-Type: application/json' \\
       -d '{{"email": "you@example.com", "password": "choose-a-long-one", "full_name": "You",
            "workspace_name": "Home"}}'
  2. Create an API key; the answer holds it once, as key:
     curl -s {gateway}/api/v1/api-keys -H 'Content-Type: application/json' \\
       -H 'Authorization: Bearer ACCESS_TOKEN' -d '{{"name": "first", "scopes": ["ingest", "read"]}}'
  3. Send a trace:
     curl -s {gateway}/api/v1/traces -H 'Content-Type: application/json' -H 'Authorization: Bearer KEY' \\
       -d '{{"trace_id": "first", "agent_id": "hello", "timestamp": "'$(date -u +%FT%TZ)'", "input": "Hi",
            "output": "Hello!", "latency_ms": 420, "status": "success", "model": "gpt-4o", "model_provider": "openai"}}'
  4. Read it back:
     curl -s '{gateway}/api/v1/traces?range=1h' -H 'Authorization: Bearer KEY'
  Then trace your own agents, in Python after pip install ./python-sdk:
     from agent_observability import AgentObservability
     obs = AgentObservability(api_key="KEY", endpoint="{gateway}")
  and @obs.trace() above the functions that are to be traced.
"""
_FIRST_STEPS_IN_DASHBOARD = """\
First steps
  1. Open {dashboard}/register and create an account.
  2. Create an API key there, and send a first trace as the page shows; in Python after pip install ./python-sdk:
     from agent_observability import AgentObservability
     obs = AgentObservability(api_key="KEY", endpoint="{gateway}")
     and @obs.trace() above the functions that are to be traced.
  With data to look at: ./start.sh --demo fills a workspace and prints its login.
"""


def addresses(deployment: Deployment) -> str:
    """Return where to reach what."""
    ports = deployment.ports
    dashboard = [("Dashboard", _dashboard_url(deployment))] if deployment.runs(DASHBOARD) else []
    rows = [
        *dashboard,
        ("Gateway", gateway_url(deployment)),
        ("OTLP/HTTP", deployment.url(ports["OTLP_HTTP_PORT"])),
        ("OTLP/gRPC", f"{deployment.host}:{ports['OTLP_GRPC_PORT']}"),
        ("Data", str(deployment.data_dir)),
        ("Logs", str(deployment.logs)),
    ]
    return "\n".join(f"  {name:<14}{value}" for name, value in rows)


def first_steps(deployment: Deployment) -> str:
    """Return how to register, create a key and send a trace."""
    if deployment.runs(DASHBOARD):
        return _FIRST_STEPS_IN_DASHBOARD.format(dashboard=_dashboard_url(deployment), gateway=gateway_url(deployment))
    return _FIRST_STEPS.format(gateway=gateway_url(deployment))


def demo_steps(deployment: Deployment) -> str:
    """Return how to look at the demo workspace, whose login was printed before."""
    if deployment.runs(DASHBOARD):
        return f"\nOpen {_dashboard_url(deployment)}/login and sign in with this login."
    return ""


def gateway_url(deployment: Deployment) -> str:
    """Return the public address of the gateway."""
    return deployment.environment["PUBLIC_GATEWAY_URL"].rstrip("/")


def _dashboard_url(deployment: Deployment) -> str:
    return deployment.environment["PUBLIC_DASHBOARD_URL"].rstrip("/")
