"""Which system a command means: the settings', the one that runs on the home, or its kept data."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.foundation.config import Settings
from ops.embedded import EmbeddedError, EmbeddedServers, Urls
from ops.run.run_file import read_run_file
from ops.run.stores import ask_database


@contextmanager
def target_settings(
    home: Path | None = None, *, before_migration: bool = False
) -> Iterator[Settings]:
    """Settings that reach the stores of the system meant, as each of the database's roles.

    In this order: DATABASE_URL and REDIS_URL as set (unless a home is named); those of the
    `giro up` on the home; the home's embedded servers, started for as long as the block lasts.
    EmbeddedError when there is none of these, when the database cannot be used, or when its
    schema is not the one this version works on (`before_migration`: when it is a newer one).
    """
    with _found(home) as settings:
        schema = asyncio.run(ask_database(settings.owner_url))
        if before_migration:
            schema.refuse_newer()
        else:
            schema.refuse_other()
        yield settings


def running_settings(home: Path) -> Settings | None:
    """Settings that reach the stores of the `giro up` on the home, if one runs there."""
    run = read_run_file(home)
    return None if run is None else settings_of(Urls(run.database_urls, run.redis_url))


def settings_of(urls: Urls) -> Settings:
    """The settings with other stores."""
    database = urls.database
    return Settings(
        database_url=database.api,
        worker_database_url=database.worker,
        auditor_database_url=database.auditor,
        migration_database_url=database.owner,
        redis_url=urls.redis_url,
    )


@contextmanager
def _found(home: Path | None) -> Iterator[Settings]:
    settings = Settings()
    if home is None and "database_url" in settings.model_fields_set:
        yield settings
        return
    home = (home or settings.giro_home).expanduser().resolve()
    running = running_settings(home)
    if running is not None:
        yield running
        return
    if not (home / "embedded.json").exists():
        raise EmbeddedError(
            f"nothing runs on {home} and no DATABASE_URL is set; start `giro up` first"
        )
    with EmbeddedServers(home) as servers:
        yield settings_of(servers.urls)
