"""Which system a command means: the settings', the one that runs on the home, or its kept data."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.config import Settings
from ops.embedded import EmbeddedError, EmbeddedServers
from ops.run_file import read_run_file


@contextmanager
def target_settings(home: Path | None = None) -> Iterator[Settings]:
    """Settings that reach the stores of the system meant.

    In this order: DATABASE_URL and REDIS_URL as set; those of the `giro up` on the home; the
    home's embedded servers, started for as long as the block lasts. EmbeddedError when none is.
    """
    settings = Settings()
    home = (home or settings.giro_home).expanduser().resolve()
    given = {"database_url", "redis_url"} & settings.model_fields_set
    if "database_url" in given:
        yield settings
        return
    run = read_run_file(home)
    if run is not None:
        urls = {"database_url": run.database_url, "redis_url": run.redis_url}
        yield _merged(urls, given)
        return
    if not (home / "embedded.json").exists():
        raise EmbeddedError(
            f"nothing runs on {home} and no DATABASE_URL is set; start `giro up` first"
        )
    with EmbeddedServers(home) as servers:
        urls = {"database_url": servers.urls.database_url, "redis_url": servers.urls.redis_url}
        yield _merged(urls, given)


def _merged(urls: dict[str, str], given: set[str]) -> Settings:
    return Settings(**{name: url for name, url in urls.items() if name not in given})  # type: ignore[arg-type]
