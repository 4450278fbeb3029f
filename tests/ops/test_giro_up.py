"""`giro up` and its neighbours, as somebody at a terminal sees them."""

import contextlib
import datetime
import io
import json
import os
import secrets
import signal
import socket
from pathlib import Path

import asyncpg
import httpx2
import pytest

from ops.containers import healthcheck
from ops.embedded.home import Record
from ops.embedded.ports import free_port, is_free
from ops.run import processes
from ops.run.output import Output
from ops.run.stack import Options, choose_port
from tests.ops.terminal import Up, forget, giro, is_alive, status, until

PASSWORD = "correct horse battery"


@pytest.fixture
def place(tmp_path):
    yield tmp_path
    forget(tmp_path)


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    cwd = tmp_path_factory.mktemp("up")
    port = free_port()
    running = Up(cwd, "--port", str(port))
    try:
        assert running.ready() == f"http://127.0.0.1:{port}"
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()
        forget(cwd)


def test_once_it_says_ready_it_answers(up):
    report = status(up.cwd)
    assert report["running"]
    assert report["healthy"]
    assert healthcheck.main(f"{report['api']}/health/ready") == 0


def test_status_names_every_process_with_pid_and_health(up):
    report = status(up.cwd)
    rows = {row["name"]: row for row in report["processes"]}
    assert set(rows) == {"postgres", "valkey", "api", "worker-1", "scheduler"}
    for row in rows.values():
        assert is_alive(row["pid"]), row
        assert row["health"] == "up", row
    table = giro("status", cwd=up.cwd)
    assert table.returncode == 0
    for needed in (report["DATABASE_URL"], report["REDIS_URL"], report["api"], "worker-1"):
        assert needed in table.stdout


def test_what_it_keeps_is_for_its_owner_only(up):
    home = up.cwd / ".giro"
    for secret in ("run.json", "secret_key", "embedded.json"):
        assert (home / secret).stat().st_mode & 0o077 == 0, secret


def test_the_api_alone_is_given_the_signing_key(up):
    key = (up.cwd / ".giro" / "secret_key").read_text().strip()
    pids = {row["name"]: row["pid"] for row in status(up.cwd)["processes"]}
    holders = {
        name for name, pid in pids.items() if key in Path(f"/proc/{pid}/environ").read_text()
    }
    assert holders == {"api"}


@pytest.mark.parametrize("password", ["Passw0rd", "root@example.com"])
def test_the_command_line_refuses_what_anybody_tries_first(up, password):
    arguments = ("create-user", "root@example.com", "--role", "admin", "--password-stdin")
    refused = giro(*arguments, cwd=up.cwd, stdin=f"{password}\n")
    assert refused.returncode != 0
    assert "giro: this password is" in refused.stderr


async def test_the_first_admin_is_made_from_the_command_line(up):
    arguments = ("create-user", "Root@Example.com", "--role", "admin", "--password-stdin")
    made = giro(*arguments, cwd=up.cwd, stdin=f"{PASSWORD}\n")
    assert made.returncode == 0, made.stderr
    connection = await asyncpg.connect(status(up.cwd)["DATABASE_URL"])
    row = await connection.fetchrow("SELECT role, password_hash FROM users")
    await connection.close()
    assert row["role"] == "admin"
    assert row["password_hash"].startswith("$2b$12$")

    again = giro(*arguments, cwd=up.cwd, stdin=f"{PASSWORD}\n")
    assert again.returncode == 1
    assert "Traceback" not in again.stderr
    weak = giro(*arguments[:1], "a@example.com", *arguments[2:], cwd=up.cwd, stdin="short\n")
    assert weak.returncode == 1
    assert "Traceback" not in weak.stderr


async def test_each_program_runs_as_its_own_role_and_none_as_the_owner(up):
    record = Record.load(up.cwd / ".giro")
    report = status(up.cwd)
    owner = await asyncpg.connect(report["OWNER_DATABASE_URL"])
    assert (
        await owner.fetchval(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        )
        == "giro_owner"
    )
    await owner.close()
    superuser = await asyncpg.connect(
        host="127.0.0.1",
        port=record.postgres_port,
        user="postgres",
        password=record.postgres_superuser_password,
        database="giro",
    )
    rows = await superuser.fetch(
        "SELECT DISTINCT application_name AS program, usename AS role FROM pg_stat_activity"
        " WHERE application_name LIKE 'giro-%'"
    )
    await superuser.close()
    for program, role in rows:
        assert role == ("giro_api" if program.startswith("giro-api") else "giro_worker"), program
    assert {row["role"] for row in rows} == {"giro_api", "giro_worker"}


async def test_the_url_that_it_shows_reads_everything_and_changes_nothing(up):
    connection = await asyncpg.connect(status(up.cwd)["DATABASE_URL"])
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    for (table,) in await connection.fetch(tables):
        await connection.fetch(f"SELECT * FROM {table} LIMIT 1")
    for statement in (
        "UPDATE accounts SET balance_minor = 1",
        "DELETE FROM audit_log",
        "ALTER TABLE postings DISABLE TRIGGER ALL",
        "DROP TABLE postings",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()


def test_migrating_a_system_that_is_at_head_changes_nothing(up):
    done = giro("migrate", cwd=up.cwd)
    assert done.returncode == 0, done.stderr


def test_the_books_of_a_new_bank_are_sound(up):
    done = giro("verify", cwd=up.cwd)
    assert done.returncode == 0, done.stdout + done.stderr


def test_days_ahead_are_closed_in_development_which_says_so_and_not_in_production(up):
    today = datetime.datetime.now(datetime.UTC).date()
    ahead = str(today + datetime.timedelta(days=4))
    production = {"ENVIRONMENT": "production", "SECRET_KEY": secrets.token_hex(32)}
    refused = giro("close-day", "--through", ahead, cwd=up.cwd, **production)
    assert refused.returncode == 1
    assert "the next business date" in " ".join(refused.stdout.split())
    assert "completed" not in refused.stdout

    moved = giro("close-day", "--through", ahead, cwd=up.cwd)
    assert moved.returncode == 0, moved.stdout + moved.stderr
    assert "The bank's clock is moved" in moved.stdout
    assert [str(today + datetime.timedelta(days=n)) in moved.stdout for n in range(1, 5)] == [
        True
    ] * 4
    assert giro("close-day", "9999-12-31", cwd=up.cwd).returncode == 1


def test_a_second_one_on_the_same_home_is_refused_by_name(up):
    second = giro("up", "--port", str(free_port()), cwd=up.cwd)
    assert second.returncode == 1
    assert f"in use by pid {up.process.pid}" in second.stderr


@pytest.mark.parametrize("name", ["worker-1", "api", "valkey", "postgres"])
def test_whatever_is_killed_comes_back(up, name):
    def row() -> dict:
        return next(r for r in status(up.cwd)["processes"] if r["name"] == name)

    first = row()
    os.kill(first["pid"], signal.SIGKILL)
    until(lambda: row()["pid"] not in {None, first["pid"]})
    assert row()["restarts"] == first["restarts"] + 1
    until(lambda: status(up.cwd)["healthy"])


def test_status_says_what_is_missing(up):
    row = next(r for r in status(up.cwd)["processes"] if r["name"] == "valkey")
    os.kill(row["pid"], signal.SIGSTOP)
    try:
        table = giro("status", cwd=up.cwd)
    finally:
        os.kill(row["pid"], signal.SIGCONT)
    assert table.returncode == 1
    assert "not ready: down: redis" in table.stdout
    until(lambda: status(up.cwd)["healthy"])


def test_an_explicit_port_that_is_taken_is_an_error(place):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = giro("up", "--port", str(port), cwd=place)
    assert done.returncode == 1
    assert f"port {port} on 127.0.0.1 is taken" in done.stderr
    assert "Traceback" not in done.stderr


def test_sigterm_stops_all_of_it_and_leaves_the_data(up):
    pids = [row["pid"] for row in status(up.cwd)["processes"]]
    assert up.stop() == 0
    assert not any(is_alive(pid) for pid in pids)
    assert up.said().rstrip().endswith("stopped")

    nothing = giro("status", "--json", cwd=up.cwd)
    assert nothing.returncode == 3
    assert json.loads(nothing.stdout)["running"] is False
    # The data is still there, and a command starts the stores for itself to read it.
    done = giro("verify", cwd=up.cwd)
    assert done.returncode == 0, done.stdout + done.stderr


def test_kill_9_leaves_no_orphans_and_a_home_to_start_again(place):
    running = Up(place, "--port", str(free_port()))
    running.ready()
    pids = [row["pid"] for row in status(place)["processes"]]
    running.process.kill()
    running.process.wait()
    running.log.close()
    until(lambda: not any(is_alive(pid) for pid in pids))
    assert giro("status", cwd=place).returncode == 3
    assert giro("verify", cwd=place).returncode == 0


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGHUP], ids=["Ctrl-C", "terminal closed"])
def test_it_is_stopped_while_it_starts_as_well(place, told):
    running = Up(place, "--port", str(free_port()))
    until(lambda: "postgres  |" in running.said())
    running.process.send_signal(told)
    assert running.process.wait(60) == 0
    running.log.close()
    assert "ready" not in [line.split()[0] for line in running.said().splitlines() if line]


def test_the_next_free_port_is_taken_where_8000_is_not_free():
    with contextlib.suppress(OSError):  # taken by somebody else: all the better
        squatter = socket.create_server(("127.0.0.1", processes.DEFAULT_PORT))
    said = io.StringIO()
    output = Output(said, colour=False)
    port = choose_port(Options(), output)
    output.flush()
    assert port > processes.DEFAULT_PORT
    assert is_free(port)
    assert said.getvalue() == f"port 8000 is taken, using {port}\n"
    with contextlib.suppress(NameError):
        squatter.close()


def test_what_was_accepted_when_it_was_stopped_is_settled_after_the_next_start(place):
    # Given a customer who submits a thousand transfers
    running = Up(place, "--port", str(free_port()))
    anna = {"email": "anna@example.org", "password": PASSWORD}
    with httpx2.Client(base_url=running.ready(), timeout=30) as client:
        client.post("/auth/register", json=anna)
        token = client.post("/auth/login", json=anna).json()["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        client.post("/accounts", json={"initial_deposit": 5_000})
        to = client.post("/accounts", json={}).json()["account_number"]
        items = [{"to_account": to, "amount": 1}] * 1_000
        accepted = client.post("/transactions/batch", json={"items": items})
        assert accepted.status_code == 202, accepted.text
        # When everything is told to stop at that moment
        running.process.send_signal(signal.SIGTERM)
    assert running.stop() == 0
    # Then after the next start all of them reach their end
    again = Up(place, "--port", str(free_port()))
    with httpx2.Client(base_url=again.ready(), timeout=30) as client:
        client.headers["authorization"] = f"Bearer {token}"

        def counts() -> dict[str, int]:
            found = client.get(f"/transactions/batch/{accepted.json()['batch_id']}").json()
            return found["counts"]

        until(lambda: counts()["pending"] == 0)
        assert counts() == {"pending": 0, "success": 1_000, "failed": 0}
        assert client.get(f"/accounts/{to}/balance").json()["balance"] == 1_000
    assert giro("verify", cwd=place).returncode == 0
    assert again.stop() == 0


def test_under_nohup_a_closed_terminal_is_no_reason_to_stop_and_impatience_spares_the_stores(place):
    running = Up(place, "--port", str(free_port()), under=["nohup"])
    running.ready()
    running.process.send_signal(signal.SIGHUP)
    assert status(place)["healthy"]

    running.process.send_signal(signal.SIGINT)
    until(lambda: "stopping" in running.said().splitlines())
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(60) == 0
    running.log.close()
    assert "database system is shut down" in running.said()
    assert "postgres  | did not end in time" not in running.said()
