"""What cannot work is refused in one line that says what to do, and with an exit code."""

import secrets
import subprocess

import pytest

from ops.embedded.ports import free_port
from ops.run.stores import ask_database
from tests import servers as testing
from tests.ops.terminal import giro

CREATE_USER = ("create-user", "a@example.org", "--role", "admin", "--password-stdin")
PASSWORD = "correct horse battery\n"
NOBODY_THERE = "postgresql://giro:giro@127.0.0.1:1/giro"


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """One line on standard error with these words in it, and an exit code that is not 0."""
    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("giro: ")
    for word in words:
        assert word in line


@pytest.fixture
def database():
    """A database without a schema; deleted afterwards."""
    name = f"refusals_{secrets.token_hex(4)}"
    yield testing.servers().create_database(name)
    testing.servers().drop_database(name)


def at_revision(database: str, revision: str) -> None:
    """Make the database look as if it had been migrated to that revision."""
    testing.servers().postgres.execute(
        "SET ROLE giro_owner; CREATE TABLE alembic_version (version_num text);"
        f"INSERT INTO alembic_version VALUES ('{revision}');",
        database.rpartition("/")[2],
    )


@pytest.mark.parametrize("command", [("up",), ("close-day",), CREATE_USER], ids=lambda c: c[0])
def test_a_database_that_nobody_serves(tmp_path, command):
    done = giro(*command, cwd=tmp_path, stdin=PASSWORD, DATABASE_URL=NOBODY_THERE)
    assert_refused(done, "127.0.0.1:1/giro", "start it or set DATABASE_URL")
    assert "giro:giro" not in done.stderr, "a password is nobody's business"


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:1/0", "redis://:wrong@127.0.0.1:{port}/0"], ids=["away", "wrong"]
)
def test_a_redis_that_does_not_let_us_in(tmp_path, url):
    url = url.format(port=testing.servers().valkey.port)
    done = giro("up", cwd=tmp_path, REDIS_URL=url)
    assert_refused(done, "the Redis 127.0.0.1:", "set REDIS_URL")
    assert "wrong" not in done.stderr


def test_a_wrong_password(tmp_path, database):
    wrong = database.replace("giro_owner:", "giro_owner:x", 1)
    done = giro("up", cwd=tmp_path, DATABASE_URL=wrong)
    assert_refused(done, 'password authentication failed for user "giro_owner"')


@pytest.mark.parametrize("command", [("up",), ("migrate",), ("verify",)], ids=lambda c: c[0])
def test_a_schema_of_a_newer_version(tmp_path, database, command):
    at_revision(database, "0999")
    done = giro(*command, cwd=tmp_path, DATABASE_URL=database)
    assert_refused(done, "revision 0999", "run the newer version")
    assert not (tmp_path / ".giro" / "embedded.json").exists(), "nothing was started"


def test_a_schema_of_an_older_version(tmp_path, database):
    at_revision(database, "0001")
    done = giro(*CREATE_USER, cwd=tmp_path, stdin=PASSWORD, DATABASE_URL=database)
    assert_refused(done, "is at 0001", "run `giro migrate`")


async def test_no_schema_is_refused_until_it_is_migrated(tmp_path, database):
    assert_refused(
        giro("verify", cwd=tmp_path, DATABASE_URL=database), "no revision", "`giro migrate`"
    )
    assert giro("migrate", cwd=tmp_path, DATABASE_URL=database).returncode == 0
    assert giro("verify", cwd=tmp_path, DATABASE_URL=database).returncode == 0
    (await ask_database(database)).refuse_other()


def test_a_role_that_may_create_nothing(tmp_path, database):
    role = f"poor_{secrets.token_hex(4)}"
    postgres = testing.servers().postgres
    postgres.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'poor';")
    try:
        poor = f"postgresql://{role}:poor@127.0.0.1:{postgres.port}/{database.rpartition('/')[2]}"
        done = giro("migrate", cwd=tmp_path, DATABASE_URL=poor)
        assert_refused(done, role, "make it the owner of the database")
    finally:
        postgres.execute(f"DROP ROLE {role};")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ENVIRONMENT": "production"}, ("SECRET_KEY", "openssl rand -hex 32")),
        ({"ENVIRONMENT": "staging"}, ("ENVIRONMENT", "production")),
        ({"DATABASE_URL": "mysql://h/d"}, ("DATABASE_URL", "postgresql://")),
        ({"LOG_LEVEL": "LOUD"}, ("LOG_LEVEL", "WARNING")),
        ({"GIRO_HOME": "/proc/giro"}, ("cannot create the home /proc/giro", "set GIRO_HOME")),
        ({"GIRO_HOME": "/dev/null"}, ("not a folder", "set GIRO_HOME")),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_settings_that_cannot_be_meant(tmp_path, settings, words):
    assert_refused(giro("up", cwd=tmp_path, **settings), *words)


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_an_address_that_is_not_ours(tmp_path, host):
    done = giro("up", "--host", host, "--port", str(free_port()), cwd=tmp_path)
    assert_refused(done, f"cannot listen on {host}")


def test_a_command_without_a_system(tmp_path):
    assert_refused(giro("close-day", cwd=tmp_path), "nothing runs on", "start `giro up` first")
