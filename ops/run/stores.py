"""Whether the stores can be used: asked before anything is done with them, answered in one line."""

from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg
from alembic.config import Config
from alembic.script import ScriptDirectory
from redis.exceptions import RedisError

from core.foundation.cache import connect
from core.foundation.jobs import BELL_KEY
from ops.embedded.errors import EmbeddedError
from ops.run.processes import ROOT

CONNECT_SECONDS = 5.0
_SCHEMA = """
SELECT to_regclass('alembic_version') IS NOT NULL, pg_is_in_recovery(), current_user,
       coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)
"""


class StoreError(EmbeddedError):
    """A store cannot be reached or is not fit to be used; the message says why and what to do."""


@dataclass(frozen=True)
class Schema:
    """What a database holds: the revision of its schema, None before the first migration."""

    where: str
    revision: str | None

    def refuse_newer(self) -> None:
        """Raise StoreError where a version of Giro that we are not has been here."""
        known = {script.revision for script in _scripts().walk_revisions()}
        if self.revision is not None and self.revision not in known:
            raise StoreError(
                f"the schema of {self.where} is at revision {self.revision}, which this version of "
                "Giro does not know: run the newer version that migrated it, or use another "
                "database"
            )

    def refuse_other(self) -> None:
        """Raise StoreError unless the schema is the one that this version works on."""
        self.refuse_newer()
        head = _scripts().get_current_head()
        if self.revision != head:
            raise StoreError(
                f"the schema of {self.where} is at {self.revision or 'no revision'}, this version "
                f"of Giro needs {head}: run `giro migrate`"
            )


async def ask_database(url: str) -> Schema:
    """The schema of the database at ``url``.

    Raises StoreError where it cannot be reached, does not let us in, or lets us write nothing.
    """
    where = _without_password(url)
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StoreError(
            f"the database {where} cannot be used: {_reason(error)}; start it or set DATABASE_URL"
        ) from error
    try:
        (row,) = await connection.fetch(_SCHEMA)
        migrated, standby, user, may_create = row
        if standby:
            raise StoreError(f"the database {where} is a read-only standby; use its primary")
        if not migrated and not may_create:
            raise StoreError(
                f"the role {user} may not create tables in {where}: make it the owner of the "
                "database"
            )
        query = "SELECT version_num FROM alembic_version"
        revision = await connection.fetchval(query) if migrated else None
    except asyncpg.PostgresError as error:
        raise StoreError(f"the database {where} cannot be used: {_reason(error)}") from error
    finally:
        await connection.close()
    return Schema(where, revision)


async def ask_redis(url: str) -> None:
    """Raise StoreError unless the Redis at ``url`` answers, to our password."""
    try:
        client = connect(url)
        try:
            await client.exists(BELL_KEY)
        finally:
            await client.aclose()
    except (OSError, ValueError, RedisError) as error:
        raise StoreError(
            f"the Redis {_without_password(url)} cannot be used: {_reason(error)}; start it or set "
            "REDIS_URL"
        ) from error


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(Config(ROOT / "alembic.ini"))


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2] or 'localhost'}{parts.path}"


def _reason(error: BaseException) -> str:
    """What the error says, on one line; its kind where it says nothing (a timeout)."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
