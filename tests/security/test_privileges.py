"""The live catalog says what the matrix says, of every role, every object, every privilege.

Asked with ``has_…_privilege``, which counts what comes by PUBLIC, by ownership and by membership:
another way than the one by which the grants are applied.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from core.foundation.config import Settings
from core.privileges import APPEND_ONLY, CATALOG, RUNTIME_ROLES, TABLES, DatabaseRole, differences
from core.privileges.grants import parse
from core.privileges.matrix import SEQUENCES
from ops.embedded.postgres import OWNER
from ops.embedded.software import client_programs
from tests import servers as testing
from tests.system import migrate

# MAINTAIN came with version 17; the older ones do not know the word.
TABLE_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
BY_COLUMN = ("SELECT", "INSERT", "UPDATE", "REFERENCES")

ON_TABLES = """
SELECT r.role, c.relname AS name, '' AS "column", p.name AS privilege
FROM pg_class c, unnest($1::text[]) AS r (role), unnest($2::text[]) AS p (name)
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND has_table_privilege(r.role, c.oid, p.name)
UNION ALL
SELECT r.role, c.relname, a.attname, p.name
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped,
     unnest($1::text[]) AS r (role), unnest($3::text[]) AS p (name)
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND has_column_privilege(r.role, c.oid, a.attnum, p.name)
  AND NOT has_table_privilege(r.role, c.oid, p.name)
"""
ON_SEQUENCES = """
SELECT r.role, c.relname AS name, p.name AS privilege
FROM pg_class c, unnest($1::text[]) AS r (role), unnest($2::text[]) AS p (name)
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S'
  AND has_sequence_privilege(r.role, c.oid, p.name)
"""
ON_THE_REST = """
SELECT r.role || ' ' || p.name || ' ' || n.nspname AS what
FROM pg_namespace n, unnest($1::text[]) AS r (role), unnest('{CREATE,USAGE}'::text[]) AS p (name)
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND has_schema_privilege(r.role, n.oid, p.name)
UNION ALL
SELECT r.role || ' ' || p.name || ' on the database'
FROM unnest($1::text[]) AS r (role), unnest('{CREATE,CONNECT,TEMPORARY}'::text[]) AS p (name)
WHERE has_database_privilege(r.role, current_database(), p.name)
UNION ALL
SELECT r.role || ' EXECUTE ' || p.oid::regprocedure FROM pg_proc p, unnest($1::text[]) AS r (role)
WHERE p.pronamespace = 'public'::regnamespace AND has_function_privilege(r.role, p.oid, 'EXECUTE')
"""
PUBLICS = """
SELECT 'relation ' || relname AS what FROM pg_class, aclexplode(relacl) a
WHERE relnamespace = 'public'::regnamespace AND a.grantee = 0
UNION ALL
SELECT 'column ' || attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid,
  aclexplode(attacl) a
WHERE relnamespace = 'public'::regnamespace AND a.grantee = 0
UNION ALL
SELECT 'function ' || proname
FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
WHERE pronamespace = 'public'::regnamespace AND a.grantee = 0
UNION ALL
SELECT 'schema ' || a.privilege_type
FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) a
WHERE nspname = 'public' AND a.grantee = 0
UNION ALL
SELECT 'database ' || a.privilege_type
FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) a
WHERE datname = current_database() AND a.grantee = 0
UNION ALL
SELECT 'default ' || a.privilege_type FROM pg_default_acl, aclexplode(defaclacl) a
"""
POWERS = """
SELECT rolname || ' is a superuser, or may create roles or databases, replicate or see all rows'
       AS what
FROM pg_roles WHERE rolname = ANY($1::text[])
  AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)
UNION ALL
SELECT member::regrole || ' is a member of ' || roleid::regrole FROM pg_auth_members
WHERE pg_get_userbyid(member) = ANY($1::text[])
UNION ALL
SELECT pg_get_userbyid(a.grantee) || ' may set ' || parname
FROM pg_parameter_acl, aclexplode(paracl) a WHERE pg_get_userbyid(a.grantee) = ANY($1::text[])
"""
OWNED = """
SELECT r.rolname || ' owns ' || d.classid::regclass || ' ' || d.objid AS what
FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid
WHERE d.refclassid = 'pg_authid'::regclass AND d.deptype = 'o' AND r.rolname = ANY($1::text[])
"""
IN_PUBLIC = " WHERE schemaname = 'public'"
TABLES_AND_VIEWS = f"""
SELECT tablename AS what FROM pg_tables {IN_PUBLIC}
UNION ALL SELECT viewname FROM pg_views {IN_PUBLIC}
"""
ROLES = [str(role) for role in RUNTIME_ROLES]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def catalog(quiet_settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """The catalog of a migrated database, as the superuser sees it."""
    name = quiet_settings.database_url.rpartition("/")[2]
    connection = await asyncpg.connect(testing.servers().superuser_url(name))
    yield connection
    await connection.close()


async def all_of(connection: asyncpg.Connection, query: str, *values: Any) -> list[str]:
    return [row["what"] for row in await connection.fetch(query, *values)]


async def test_every_table_has_its_line_in_the_matrix(catalog: asyncpg.Connection) -> None:
    tables = set(await all_of(catalog, TABLES_AND_VIEWS))
    assert tables - TABLES.keys() == set(), (
        "these tables have no line in core/privileges/matrix.py: say there what the api and the "
        "worker may do with each, or neither can reach it"
    )
    assert TABLES.keys() - tables == set(), "the matrix has lines for tables that are gone"


async def test_roles_may_do_with_tables_what_the_matrix_says(catalog: asyncpg.Connection) -> None:
    version = catalog.get_server_version().major
    privileges = [*TABLE_PRIVILEGES, *(["MAINTAIN"] if version >= 17 else [])]
    rows = await catalog.fetch(ON_TABLES, ROLES, privileges, BY_COLUMN)
    held = {(row["role"], row["name"], row["privilege"], row["column"]) for row in rows}
    wanted = {
        (str(role), name, privilege, column)
        for name, table in TABLES.items()
        for role in RUNTIME_ROLES
        for privilege, column in parse(table.of(role))
    }
    assert held == wanted


async def test_roles_may_ask_sequences_and_set_none(catalog: asyncpg.Connection) -> None:
    rows = await catalog.fetch(ON_SEQUENCES, ROLES, ["USAGE", "SELECT", "UPDATE"])
    every = await all_of(catalog, "SELECT sequencename AS what FROM pg_sequences" + IN_PUBLIC)
    assert {(row["role"], row["name"], row["privilege"]) for row in rows} == {
        (role, name, privilege)
        for name, by_role in SEQUENCES.items()
        for role, privileges in by_role.items()
        for privilege, _ in parse(privileges)
    } | {(DatabaseRole.AUDITOR, name, "SELECT") for name in every}


async def test_roles_connect_and_look_and_nothing_else(catalog: asyncpg.Connection) -> None:
    assert sorted(await all_of(catalog, ON_THE_REST, ROLES)) == sorted(
        f"{role} {what}" for role in ROLES for what in ("USAGE public", "CONNECT on the database")
    )


async def test_public_holds_nothing(catalog: asyncpg.Connection) -> None:
    assert await all_of(catalog, PUBLICS) == []


async def test_no_role_has_powers_beyond_its_grants(catalog: asyncpg.Connection) -> None:
    assert await all_of(catalog, POWERS, [*ROLES, OWNER]) == []
    assert await all_of(catalog, OWNED, ROLES) == []
    definers = "SELECT proname AS what FROM pg_proc WHERE prosecdef AND proname !~ '^pg_'"
    assert await all_of(catalog, definers) == [], "whoever calls these acts as their owner"


async def test_not_even_the_owner_holds_what_nobody_may_do(catalog: asyncpg.Connection) -> None:
    query = """
    SELECT t || ' ' || p AS what FROM unnest($2::text[]) AS t,
      unnest('{UPDATE,DELETE,TRUNCATE}'::text[]) AS p WHERE has_table_privilege($1, t, p)
    """
    assert await all_of(catalog, query, OWNER, list(APPEND_ONLY)) == []


async def test_what_was_granted_by_hand_is_taken_back_by_the_next_migration() -> None:
    # Given a database on which somebody helped himself, and took something away
    servers = testing.servers()
    name = f"giro_grants_{secrets.token_hex(4)}"
    owner_url = servers.create_database(name)
    settings = Settings(
        _env_file=None,
        database_url=servers.database_urls(name).api,
        migration_database_url=owner_url,
    )
    migrate(settings)
    owner = await asyncpg.connect(owner_url)
    for statement in (
        "GRANT UPDATE, DELETE ON postings TO giro_api, giro_owner",
        "GRANT UPDATE (balance_minor) ON accounts TO giro_api WITH GRANT OPTION",
        "GRANT SELECT ON users TO PUBLIC",
        "GRANT EXECUTE ON FUNCTION refuse_change() TO giro_worker",
        "GRANT CREATE ON SCHEMA public TO giro_auditor",
        f"GRANT ALL ON DATABASE {name} TO PUBLIC",
        "REVOKE SELECT ON accounts FROM giro_worker",
        "CREATE TABLE unlisted (id int)",
        "GRANT SELECT ON unlisted TO giro_api",
    ):
        await owner.execute(statement)
    api = await asyncpg.connect(servers.database_urls(name).api)
    await api.execute("GRANT UPDATE (balance_minor) ON accounts TO giro_auditor")
    await api.close()
    told = {str(grant) for grant in differences(await owner.fetch(CATALOG)).extra}
    assert "giro_api: UPDATE on table postings" in told
    assert "giro_api: UPDATE (balance_minor) on table accounts, and may grant it on" in told
    # When the schema is migrated again, though there is nothing to migrate
    migrate(settings)
    # Then everybody may do what the matrix says
    left = differences(await owner.fetch(CATALOG))
    assert left.extra == left.missing == frozenset()
    # And once more changes nothing at all: a row of the catalog that was written again moves
    rows = (
        "SELECT oid, ctid, xmin FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace ORDER BY oid"
    )
    before = await owner.fetch(rows)
    migrate(settings)
    assert await owner.fetch(rows) == before
    await owner.close()
    servers.drop_database(name)


async def test_a_database_that_one_role_owns_and_uses_stays_as_it_is() -> None:
    # Given a role of the operator's own, which knows nothing of ours
    servers = testing.servers()
    name = f"alone_{secrets.token_hex(4)}"
    servers.postgres.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'alone';")
    servers.postgres.execute(f"CREATE DATABASE {name} OWNER {name};")
    url = servers.postgres.url_of(name, "alone", name)
    # When it migrates and reads and writes through the one DATABASE_URL
    migrate(Settings(_env_file=None, database_url=url))
    connection = await asyncpg.connect(url)
    await connection.execute("INSERT INTO bank_day VALUES (1) ON CONFLICT DO NOTHING")
    await connection.execute("UPDATE loan_products SET enabled = true")
    # Then only the books are closed to it
    for table in APPEND_ONLY:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"DELETE FROM {table}")
    await connection.close()
    servers.drop_database(name)
    servers.postgres.execute(f"DROP ROLE {name};")


async def test_the_auditor_reads_everything_and_may_dump_it(
    catalog: asyncpg.Connection, quiet_settings: Settings
) -> None:
    auditor = await asyncpg.connect(quiet_settings.auditor_url)
    for table in await all_of(catalog, TABLES_AND_VIEWS):
        await auditor.fetch(f"SELECT * FROM {table} LIMIT 1")
    await auditor.close()
    done = await asyncio.create_subprocess_exec(
        str(client_programs() / "pg_dump"),
        quiet_settings.auditor_url,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await done.communicate()
    assert done.returncode == 0, said.decode()


def test_privileges_are_read_as_postgresql_writes_them() -> None:
    assert list(parse("SELECT, INSERT, UPDATE (status, closed_at)")) == [
        ("SELECT", ""),
        ("INSERT", ""),
        ("UPDATE", "status"),
        ("UPDATE", "closed_at"),
    ]
    assert list(parse("")) == []
    assert DatabaseRole.API in RUNTIME_ROLES
