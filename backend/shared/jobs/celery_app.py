"""Celery as workers use it: it takes wake-ups from Redis, hands them to threads, and ticks."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from celery import Celery
from celery.signals import setup_logging

from shared.jobs.transport import use_transport
from shared.jobs.types import JobService
from shared.jobs.wake import KEY_PREFIX, RUN_TASK, broker_url
from shared.logging import get_logger

TICK_TASK = "jobs.tick"
TICK_SECONDS = 5.0
# Wake-ups that a lost worker had taken and not begun are handed out again after this time.
VISIBILITY_SECONDS = 3600

logger = get_logger(__name__)


@setup_logging.connect  # type: ignore[untyped-decorator]
def _keep_logging(**_: object) -> None:
    """Leave logging as it is: Celery configures none when somebody listens to this signal."""


def create_celery(
    service: JobService,
    redis_url: str,
    *,
    run: Callable[[UUID, UUID], None],
    tick: Callable[[], None],
    visibility_seconds: float = VISIBILITY_SECONDS,
) -> Celery:
    """Return the application of a service's workers.

    Messages are JSON and nothing else, and are acknowledged when they begin: a job whose worker is lost is found in
    the database, so nothing depends on a message being delivered again, or only once.

    Args:
        service: Whose jobs it runs.
        redis_url: The queue server.
        run: Runs a job, given after its workspace.
        tick: Looks after jobs and does what recurs.
        visibility_seconds: Time after which messages that were taken and not acknowledged are handed out again.
    """
    use_transport()
    app = Celery("jobs", broker=broker_url(redis_url), set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_acks_late=False,
        task_default_queue=service,
        task_publish_retry=False,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={"global_keyprefix": KEY_PREFIX, "visibility_timeout": visibility_seconds},
        beat_schedule={
            "tick": {
                "task": TICK_TASK,
                "schedule": TICK_SECONDS,
                "options": {"queue": service, "expires": TICK_SECONDS},
            }
        },
    )

    def run_job(**message: Any) -> None:
        try:
            workspace_id, job_id = UUID(str(message["workspace_id"])), UUID(str(message["job_id"]))
        except (KeyError, ValueError):
            # Without its workspace a job is nobody's.
            logger.error("wake_up_refused", fields=sorted(message))
            return
        run(workspace_id, job_id)

    def look_after_jobs() -> None:
        tick()

    app.task(run_job, name=RUN_TASK)
    # Celery would take the object of a bound method for the task.
    app.task(look_after_jobs, name=TICK_TASK)
    return app
