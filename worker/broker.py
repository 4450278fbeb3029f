"""The broker of a worker process and what surrounds every job."""

import asyncio
import os
from typing import Any, Final

import dramatiq
import structlog
import uvloop
from dramatiq import Broker, MessageProxy, Middleware
from dramatiq.asyncio import EventLoopThread, get_event_loop_thread, set_event_loop_thread
from dramatiq.middleware import AsyncIO, Retries, ShutdownNotifications, TimeLimit
from prometheus_client import start_http_server

from core.foundation.clock import now
from core.foundation.config import Settings, get_settings
from core.foundation.garbage import calm_garbage_collection
from core.foundation.ids import new_id
from core.foundation.jobs import make_broker
from core.foundation.logging import configure, describe, get_logger
from core.operations.failed_jobs import record_failure
from worker.consumer import WatchfulBroker
from worker.runtime import Runtime

log = get_logger(__name__)

# A job only says that there is work, and the sweep says it again: few tries, soon.
MAX_RETRIES: Final = 3
MIN_BACKOFF_MS: Final = 200
MAX_BACKOFF_MS: Final = 5_000
TIME_LIMIT_MS: Final = 600_000
LOOP_STARTS_SECONDS: Final = 5.0
# Whose job it was that was none; to try it again ends it in the same way.
NO_ACTOR: Final = "unreadable"

_runtime: Runtime | None = None


def runtime() -> Runtime:
    """This process's runtime. Raises RuntimeError before the process has booted."""
    if _runtime is None:
        raise RuntimeError("the worker process has not booted")
    return _runtime


class Process(Middleware):
    """Starts and closes the runtime on the event loop of the actors."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def after_process_boot(self, _broker: Broker) -> None:
        """Logging, metrics and garbage collection; the runtime follows with the event loop."""
        configure(self._settings, process="worker")
        if self._settings.worker_metrics_port:
            start_http_server(
                self._settings.worker_metrics_port, addr=self._settings.worker_metrics_host
            )
        calm_garbage_collection()

    def before_worker_boot(self, _broker: Broker, _worker: dramatiq.Worker) -> None:
        """Build the runtime on the loop where every actor runs, before the first job arrives."""
        _on_loop(self._start())
        log.info("worker_started", pid=os.getpid())

    def after_worker_shutdown(self, _broker: Broker, _worker: dramatiq.Worker) -> None:
        """Close the runtime; the actors under way have finished."""
        _on_loop(runtime().close())
        log.info("worker_stopped", pid=os.getpid())

    async def _start(self) -> None:
        global _runtime  # noqa: PLW0603 - one runtime a process, as dramatiq has one broker
        _runtime = Runtime.start(self._settings, name="worker")
        _runtime.gauges.start()


class FastAsyncIO(AsyncIO):
    """Dramatiq's event loop for actors, as uvloop makes it."""

    def before_worker_boot(self, _broker: Broker, _worker: dramatiq.Worker) -> None:
        """Start the loop in a thread of its own."""
        thread = EventLoopThread(self.logger)
        thread.loop.close()
        thread.loop = uvloop.new_event_loop()
        thread.start(timeout=LOOP_STARTS_SECONDS)
        set_event_loop_thread(thread)


class JobLog(Middleware):
    """Binds a job's context to the logs and keeps a record of jobs that failed for good."""

    def before_process_message(self, _broker: Broker, message: MessageProxy) -> None:
        """Every line of this job carries its request id."""
        structlog.contextvars.bind_contextvars(
            actor=message.actor_name,
            **_known(request_id=message.options.get("request_id")),
        )

    def after_process_message(
        self,
        _broker: Broker,
        message: MessageProxy,
        *,
        result: object = None,  # noqa: ARG002 - dramatiq's signature
        exception: BaseException | None = None,
    ) -> None:
        """Keep what failed after its last retry."""
        if exception is not None and message.failed:
            log.error("job_failed", error=describe(exception))
            _on_loop(
                record_failure(
                    runtime().database,
                    job_id=new_id(),
                    queue=message.queue_name,
                    actor=message.actor_name,
                    args=list(message.args),
                    error=describe(exception),
                    request_id=message.options.get("request_id"),
                    failed_at=now(),
                )
            )
        structlog.contextvars.clear_contextvars()


def keep_unreadable(queue: str, text: str, fault: str) -> None:
    """Keep what came in a queue and is no job among the failed jobs; its consumer goes on."""
    thread = get_event_loop_thread()
    if thread is not None:
        keeping = _keep_unreadable(queue, text.replace("\0", ""), fault)
        asyncio.run_coroutine_threadsafe(keeping, thread.loop)


async def _keep_unreadable(queue: str, text: str, fault: str) -> None:
    try:
        await record_failure(
            runtime().database,
            job_id=new_id(),
            queue=queue,
            actor=NO_ACTOR,
            args=[text],
            error=f"This message is no job: {fault}",
            request_id=None,
            failed_at=now(),
        )
    except Exception as error:  # noqa: BLE001 - it stands in the log, and among the dead letters
        log.warning("failed_job_not_kept", queue=queue, error=describe(error))


def _known(**context: object) -> dict[str, object]:
    return {name: value for name, value in context.items() if value is not None}


def _on_loop(coroutine: Any) -> None:
    thread = get_event_loop_thread()
    if thread is None:
        raise RuntimeError("the event loop of the actors is not running")
    thread.run_coroutine(coroutine)


def make_worker_broker() -> Broker:
    """The broker with its middleware, set as dramatiq's own."""
    broker = make_broker(get_settings().redis_url, WatchfulBroker)
    broker.report = keep_unreadable
    # Signals before an actor run in this order, signals after it in reverse: JobLog sees what
    # Retries decided, and Process starts after AsyncIO's loop and closes before it.
    for middleware in (
        TimeLimit(time_limit=TIME_LIMIT_MS),
        ShutdownNotifications(notify_shutdown=False),
        FastAsyncIO(),
        JobLog(),
        Retries(max_retries=MAX_RETRIES, min_backoff=MIN_BACKOFF_MS, max_backoff=MAX_BACKOFF_MS),
        Process(get_settings()),
    ):
        broker.add_middleware(middleware)
    dramatiq.set_broker(broker)
    return broker
