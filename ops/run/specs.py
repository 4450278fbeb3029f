"""What each child of the system is run with: its command, its environment, the time it has to end.

A program knows the database by its own role alone.
"""

from collections.abc import Mapping, Sequence

from core.foundation.config import DATABASE_URLS, Settings
from ops.embedded import DatabaseUrls
from ops.embedded.servers import Server
from ops.run import processes
from ops.run.child import Spec

# Waits for what is being settled to be committed.
WORKER_GRACE_SECONDS = 30.0
# What issues no tokens is given no key to sign them with.
NO_KEYS = {"SECRET_KEY": "", "SECRET_KEY_PREVIOUS": "", "METRICS_TOKEN": ""}


def store(server: Server) -> Spec:
    """An embedded server."""
    return Spec(
        server.name,
        server.command(),
        stop_signal=server.stop_signal,
        grace_seconds=60,
        # Killed, it would have to recover at the next start; its fast shutdown takes no second.
        hurried_grace_seconds=5,
        port=server.port,
        is_tied=True,
        before_restart=server.prepare,
    )


def api(
    command: Sequence[str], environment: Mapping[str, str], database: DatabaseUrls, port: int
) -> Spec:
    """The HTTP side."""
    return Spec(
        "api",
        command,
        {**environment, **_as_program(database.api)},
        grace_seconds=processes.API_GRACE_SECONDS + 5,
        port=port,
    )


def worker(
    number: int, environment: Mapping[str, str], database: DatabaseUrls, metrics_port: int
) -> Spec:
    """One of the workers. Each has its own port: they share the machine here, and one setting."""
    own = {**_settling(environment, database), "WORKER_METRICS_PORT": str(metrics_port)}
    return Spec(
        f"worker-{number}",
        processes.worker(),
        own,
        grace_seconds=WORKER_GRACE_SECONDS,
        port=metrics_port,
    )


def scheduler(environment: Mapping[str, str], database: DatabaseUrls) -> Spec:
    """The clock."""
    return Spec("scheduler", processes.scheduler(), _settling(environment, database))


def given_urls(settings: Settings) -> DatabaseUrls:
    """The databases that the settings name: one role for all, unless they name more."""
    return DatabaseUrls(
        owner=settings.owner_url,
        api=settings.database_url,
        worker=settings.worker_url,
        auditor=settings.auditor_url,
    )


def as_owner(database: DatabaseUrls) -> dict[str, str]:
    """The environment of the migrations."""
    return {**_as_program(database.api), "MIGRATION_DATABASE_URL": database.owner}


def _as_program(database_url: str) -> dict[str, str]:
    return {name.upper(): "" for name in DATABASE_URLS} | {"DATABASE_URL": database_url}


def _settling(environment: Mapping[str, str], database: DatabaseUrls) -> dict[str, str]:
    return {**environment, **NO_KEYS, **_as_program(database.worker)}
