"""Every statement that a program must not be able to run, tried as each role on each table."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from core.foundation import clock
from core.foundation.config import Settings
from core.foundation.ids import new_id
from core.privileges import APPEND_ONLY, RUNTIME_ROLES, TABLES, DatabaseRole
from core.privileges.grants import parse
from tests import servers as testing
from tests.quiet import Quiet

Connections = dict[DatabaseRole, asyncpg.Connection]

# For each table: nobody who runs a program may do this to any of them.
TO_A_TABLE = (
    "TRUNCATE {table}",
    "TRUNCATE {table} CASCADE",
    "DROP TABLE {table} CASCADE",
    "ALTER TABLE {table} DISABLE TRIGGER ALL",
    "ALTER TABLE {table} DISABLE TRIGGER USER",
    "ALTER TABLE {table} ADD COLUMN extra int",
    "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE {table} OWNER TO CURRENT_USER",
    "ALTER TABLE {table} RENAME TO other",
    "CREATE INDEX ON {table} ((1))",
    "CREATE TRIGGER t BEFORE INSERT ON {table} EXECUTE FUNCTION refuse_change()",
    "CREATE RULE r AS ON INSERT TO {table} DO INSTEAD NOTHING",
    "COMMENT ON TABLE {table} IS 'mine'",
)
ANYWHERE = (
    "CREATE TABLE loot (id int)",
    "CREATE TEMPORARY TABLE accounts (id uuid, currency char(3))",
    "CREATE SCHEMA loot",
    "CREATE FUNCTION loot() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE EXTENSION dblink",
    "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION refuse_change()",
    "CREATE ROLE thief",
    "CREATE DATABASE loot",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE giro_owner PASSWORD 'mine'",
    "ALTER DATABASE {database} SET session_replication_role = 'replica'",
    "ALTER SYSTEM SET fsync = 'off'",
    "ALTER SEQUENCE account_number_seq RESTART",
    "ALTER FUNCTION refuse_change() OWNER TO CURRENT_USER",
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN RETURN NEW; END'",
    "DROP FUNCTION refuse_change() CASCADE",
    "DROP TRIGGER postings_append_only ON postings",
    "DROP OWNED BY giro_owner CASCADE",
    "REASSIGN OWNED BY giro_owner TO CURRENT_USER",
    "DROP DATABASE {database}",
    "SET ROLE giro_owner",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION giro_owner",
    "SET session_replication_role = 'replica'",
    "SET LOCAL session_replication_role = 'replica'",
    "SELECT set_config('session_replication_role', 'replica', false)",
    "SELECT setval('account_number_seq', 1)",
    "SELECT refuse_change()",
    "SELECT pg_read_file('/etc/passwd')",
    "COPY users TO PROGRAM 'cat'",
    "COPY users FROM '/etc/passwd'",
    "GRANT giro_owner TO CURRENT_USER",
)
# What the owner may not either: its tables are its own, the server is not.
TO_THE_OWNER = (
    "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION refuse_change()",
    "CREATE ROLE thief",
    "CREATE DATABASE loot",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE giro_api PASSWORD 'mine'",
    "ALTER SYSTEM SET fsync = 'off'",
    "SET ROLE postgres",
    "SET ROLE giro_worker",
    "SET SESSION AUTHORIZATION giro_api",
    "SET session_replication_role = 'replica'",
    "SELECT pg_read_file('/etc/passwd')",
    "COPY users TO PROGRAM 'cat'",
    "GRANT giro_api TO CURRENT_USER",
)
# Refused with no more than a warning: nothing happens.
WARNED = ("VACUUM FULL postings", "GRANT UPDATE, DELETE ON postings TO PUBLIC")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def programs(quiet_settings: Settings) -> AsyncIterator[Connections]:
    """A connection as each of the roles that programs run as."""
    urls = testing.servers().database_urls(quiet_settings.database_url.rpartition("/")[2])
    by_role = {
        DatabaseRole.API: urls.api,
        DatabaseRole.WORKER: urls.worker,
        DatabaseRole.AUDITOR: urls.auditor,
    }
    opened = {role: await asyncpg.connect(url) for role, url in by_role.items()}
    yield opened
    for connection in opened.values():
        await connection.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def owner(quiet_settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the role of the migrations."""
    connection = await asyncpg.connect(quiet_settings.owner_url)
    yield connection
    await connection.close()


async def refusal(connection: asyncpg.Connection, statement: str) -> str:
    """The SQLSTATE by which the statement is refused, 'done' where it is not."""
    try:
        await connection.execute(statement)
    except asyncpg.PostgresError as error:
        return str(error.sqlstate)
    return "done"


REFUSED = {
    asyncpg.InsufficientPrivilegeError.sqlstate,
    # GRANT of what one does not hold says so; of nothing at all it is refused.
    asyncpg.InvalidGrantOperationError.sqlstate,
    # What is done to tables is not done to views, whoever asks.
    asyncpg.WrongObjectTypeError.sqlstate,
}


@pytest.mark.parametrize("role", RUNTIME_ROLES)
@pytest.mark.parametrize("table", TABLES)
async def test_no_program_may_touch_a_table_itself(
    programs: Connections, role: DatabaseRole, table: str
) -> None:
    for statement in TO_A_TABLE:
        said = await refusal(programs[role], statement.format(table=table))
        assert said in REFUSED, statement


@pytest.mark.parametrize("role", RUNTIME_ROLES)
@pytest.mark.parametrize("table", TABLES)
async def test_no_program_may_change_what_is_not_in_its_line(
    programs: Connections, quiet: Quiet, role: DatabaseRole, table: str
) -> None:
    granted = set(parse(TABLES[table].of(role)))
    async with quiet.database.read() as reader:
        columns = await reader.fetch(
            "SELECT attname, attgenerated <> '' OR attidentity = 'a' AS is_computed"
            " FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped",
            table,
        )
    for name, is_computed in columns:
        said = await refusal(programs[role], f'UPDATE {table} SET "{name}" = NULL WHERE false')
        if not granted & {("UPDATE", ""), ("UPDATE", name)}:
            assert said in REFUSED or is_computed, name
        said = await refusal(
            programs[role], f'INSERT INTO {table} ("{name}") SELECT NULL WHERE false'
        )
        if not granted & {("INSERT", ""), ("INSERT", name)}:
            assert said in REFUSED or is_computed, name
    if ("DELETE", "") not in granted:
        assert await refusal(programs[role], f"DELETE FROM {table} WHERE false") in REFUSED
    if not any(privilege == "INSERT" for privilege, _ in granted):
        assert await refusal(programs[role], f"INSERT INTO {table} DEFAULT VALUES") in REFUSED
    if not any(privilege == "SELECT" for privilege, _ in granted):
        assert await refusal(programs[role], f"SELECT FROM {table}") in REFUSED


@pytest.mark.parametrize("role", RUNTIME_ROLES)
@pytest.mark.parametrize("statement", ANYWHERE)
async def test_no_program_may_take_more_power(
    programs: Connections, role: DatabaseRole, statement: str
) -> None:
    database = await programs[role].fetchval("SELECT current_database()")
    said = await refusal(programs[role], statement.format(database=database))
    assert said in REFUSED


@pytest.mark.parametrize("role", RUNTIME_ROLES)
async def test_what_is_refused_with_a_warning_does_nothing(
    programs: Connections, role: DatabaseRole
) -> None:
    state = "SELECT relacl, relfilenode FROM pg_class WHERE oid = 'postings'::regclass"
    before = await programs[role].fetchrow(state)
    for statement in WARNED:
        assert await refusal(programs[role], statement) == "done"
    assert await programs[role].fetchrow(state) == before


@pytest.mark.parametrize("role", RUNTIME_ROLES)
async def test_no_program_becomes_another(programs: Connections, role: DatabaseRole) -> None:
    for other in {*RUNTIME_ROLES} - {role}:
        assert await refusal(programs[role], f"SET ROLE {other}") in REFUSED


@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_not_even_the_owner_changes_what_is_append_only(
    owner: asyncpg.Connection, table: str
) -> None:
    column = await owner.fetchval(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0"
        " AND attidentity <> 'a' ORDER BY attnum LIMIT 1",
        table,
    )
    for statement in (
        f"UPDATE {table} SET {column} = {column} WHERE false",
        f"DELETE FROM {table} WHERE false",
        f"TRUNCATE {table}",
        f"TRUNCATE {table} CASCADE",
    ):
        assert await refusal(owner, statement) in REFUSED, statement


@pytest.mark.parametrize("statement", TO_THE_OWNER)
async def test_the_owner_has_no_power_beyond_its_tables(
    owner: asyncpg.Connection, statement: str
) -> None:
    assert await refusal(owner, statement) in REFUSED


async def test_the_api_cannot_make_money(programs: Connections, quiet: Quiet) -> None:
    account: UUID = await quiet.account(1_000)
    rich = f"UPDATE accounts SET balance_minor = 100000000 WHERE id = '{account}'"
    assert await refusal(programs[DatabaseRole.API], rich) in REFUSED
    assert await refusal(programs[DatabaseRole.AUDITOR], rich) in REFUSED
    settle = "UPDATE transactions SET status = 'success', settled_at = now()"
    assert await refusal(programs[DatabaseRole.API], settle) in REFUSED
    assert await quiet.balance(account) == 1_000


OPEN = (
    "INSERT INTO accounts (id, owner_id, account_number, iban, currency, balance_minor, created_at,"
    " last_booked_at) SELECT $1::uuid, owner_id, $1::uuid::text, $1::uuid::text, currency,"
    " $3, now(), now()"
    " FROM accounts WHERE id = $2"
)
POST = (
    "INSERT INTO postings (transaction_id, leg, account_id, ledger_code, amount_minor, currency,"
    " balance_after_minor, booked_at, accounting_date)"
    " VALUES ($1, 0, NULL, '1000', -$3::bigint, 'EUR', NULL, $4, current_date),"
    " ($1, 1, $2, NULL, $3, 'EUR', $5, $4, current_date)"
)


async def test_the_api_cannot_open_an_account_with_money_that_nobody_paid_in(
    programs: Connections, quiet: Quiet
) -> None:
    # Given a customer, and somebody who speaks as the API
    account, thief, api = await quiet.account(1_000), new_id(), programs[DatabaseRole.API]
    # Then an account with a balance is none, whether nothing is posted on it or something else
    with pytest.raises(asyncpg.CheckViolationError, match="no posting carries"):
        await api.execute(OPEN, thief, account, 100_000_000)
    for posted in (1, 99_999_999):
        transaction = api.transaction()
        await transaction.start()
        await api.execute(OPEN, thief, account, 100_000_000)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="does not hold"):
            await api.execute(POST, new_id(), thief, posted, clock.now(), posted)
        await transaction.rollback()
    overdrawn = "INSERT INTO accounts (overdraft_limit_minor) SELECT 1 FROM accounts WHERE false"
    assert await refusal(api, overdrawn) in REFUSED
    assert await api.fetchval("SELECT count(*) FROM accounts WHERE id = $1", thief) == 0


async def test_the_api_cannot_post_on_an_account_that_is_there(
    programs: Connections, quiet: Quiet
) -> None:
    rich, poor = await quiet.account(1_000), await quiet.account()
    for account, balance in ((rich, 1_000), (poor, 0)):
        for amount_minor in (500, -500):
            after = balance + amount_minor
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="does not hold"):
                await programs[DatabaseRole.API].execute(
                    POST, new_id(), account, amount_minor, clock.now(), after
                )


async def test_the_worker_reads_no_password_and_no_token(programs: Connections) -> None:
    for column, table in (
        ("password_hash", "users"),
        ("id_document", "users"),
        ("address", "users"),
        ("token_hash", "refresh_tokens"),
    ):
        assert (
            await refusal(programs[DatabaseRole.WORKER], f"SELECT {column} FROM {table}") in REFUSED
        )
