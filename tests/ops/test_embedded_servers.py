"""The embedded PostgreSQL and Valkey: started by whom, kept where, ended when."""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import asyncpg
import pytest
import redis

from ops.embedded import EmbeddedError, EmbeddedServers, HomeInUseError
from ops.embedded.home import Record
from tests.ops.terminal import REPOSITORY, is_alive
from tests.servers import SharedServers

# Where data goes that its user could not reach in the home.
BESIDE = Path("/var/tmp")  # noqa: S108
KEEPER = """
import sys, time
from pathlib import Path
from ops.embedded import EmbeddedServers
servers = EmbeddedServers(Path(sys.argv[1]), durable=False)
print(servers.start(), flush=True)
if len(sys.argv) > 2:
    print(servers.create_database(sys.argv[2]))
    servers.stop()
else:
    time.sleep(60)
"""


def pids_on(home: Path) -> tuple[int, int]:
    """The processes of PostgreSQL and Valkey, as they say themselves."""
    servers = SharedServers(home)
    postmaster = servers.postgres.execute("SELECT pg_read_file('postmaster.pid')").split()[0]
    with redis.Redis.from_url(servers.redis_url()) as valkey:
        return int(postmaster), int(valkey.info("server")["process_id"])


def until(condition, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def home(tmp_path_factory):
    path = tmp_path_factory.mktemp("giro") / "home"
    yield path
    record = Record.load(path) if path.exists() else None
    if record is not None and record.root != ".":
        shutil.rmtree(record.root)


async def test_money_written_before_a_stop_is_there_after_the_next_start(home):
    with EmbeddedServers(home, durable=False) as first:
        urls = first.urls
        connection = await asyncpg.connect(urls.database.owner)
        await connection.execute("CREATE TABLE safe (amount_minor bigint)")
        await connection.execute("INSERT INTO safe VALUES (1025)")
        await connection.close()

    with EmbeddedServers(home, durable=False) as second:
        assert second.urls == urls, "ports and passwords stay the same"
        connection = await asyncpg.connect(urls.database.owner)
        assert await connection.fetchval("SELECT amount_minor FROM safe") == 1025
        await connection.close()


async def test_the_bank_role_owns_its_database_and_is_no_superuser(home):
    with EmbeddedServers(home) as servers:
        connection = await asyncpg.connect(servers.urls.database.owner)
        row = await connection.fetchrow(
            "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        )
        assert tuple(row) == (False, False, False)
        owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'giro'"
        assert await connection.fetchval(owner) == "giro_owner"
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert await connection.fetchval(f"SHOW {setting}") == "on", setting
        await connection.close()

        store = redis.Redis.from_url(servers.urls.redis_url)
        assert store.config_get("appendonly", "maxmemory-policy", "bind") == {
            "appendonly": "yes",
            "maxmemory-policy": "noeviction",
            "bind": "127.0.0.1",
        }
        store.close()


async def test_a_home_of_the_days_of_one_role_is_taken_over(home):
    """Data and passwords as a version made them that knew one role, `giro`, the owner of all."""
    with EmbeddedServers(home, durable=False) as servers:
        url = servers.urls.database.owner
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE safe AS SELECT 1025 AS amount_minor")
        await connection.close()
        servers.postgres.execute(
            "DROP ROLE giro_api, giro_worker, giro_auditor; ALTER ROLE giro_owner RENAME TO giro;"
        )
    record = json.loads((home / "embedded.json").read_text())
    for role in ("api", "worker", "auditor"):
        del record[f"postgres_{role}_password"]
    (home / "embedded.json").write_text(json.dumps(record))

    with EmbeddedServers(home, durable=False) as servers:
        assert servers.urls.database.owner == url
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT amount_minor FROM safe") == 1025
        await connection.execute("DROP TABLE safe")
        gone = "SELECT count(*) FROM pg_roles WHERE rolname = 'giro'"
        assert await connection.fetchval(gone) == 0
        await connection.close()
        for each in (servers.urls.database.api, servers.urls.database.worker):
            await (await asyncpg.connect(each)).close()


async def test_nobody_gets_in_without_the_password(home):
    with EmbeddedServers(home, durable=False) as servers:
        for user in ("giro_owner", "giro_api", "postgres"):
            with pytest.raises(asyncpg.InvalidPasswordError):
                await asyncpg.connect(
                    host="127.0.0.1", port=servers.postgres.port, user=user, password="guess"
                )
        stranger = redis.Redis(port=servers.valkey.port)
        with pytest.raises(redis.AuthenticationError):
            stranger.ping()
        stranger.close()
    assert (home / "embedded.json").stat().st_mode & 0o077 == 0


def test_a_second_start_on_a_home_in_use_says_who_uses_it(home):
    second = EmbeddedServers(home, durable=False)
    with (
        EmbeddedServers(home, durable=False),
        pytest.raises(HomeInUseError, match=f"in use by pid {os.getpid()}"),
    ):
        second.start()


def test_a_taken_port_is_left_to_its_owner(home):
    with EmbeddedServers(home, durable=False) as servers:
        before = servers.urls
    record = Record.load(home)
    with (
        socket.create_server(("127.0.0.1", record.postgres_port)),
        EmbeddedServers(home, durable=False) as servers,
    ):
        assert servers.postgres.port != record.postgres_port
        assert servers.urls.redis_url == before.redis_url


async def test_a_server_that_was_killed_starts_again_with_what_it_had_committed(home):
    with EmbeddedServers(home, durable=False) as servers:
        connection = await asyncpg.connect(servers.urls.database.owner)
        await connection.execute("CREATE TABLE safe AS SELECT 1025 AS amount_minor")
        connection.terminate()

        os.kill(pids_on(home)[0], signal.SIGKILL)
        servers.stop()
        servers.start()

        connection = await asyncpg.connect(servers.urls.database.owner)
        assert await connection.fetchval("SELECT amount_minor FROM safe") == 1025
        await connection.close()


def test_a_pid_file_of_a_process_that_is_not_ours_does_not_block_the_start(home):
    with EmbeddedServers(home, durable=False) as servers:
        data = Path(servers.postgres.execute("SHOW data_directory"))
        os.kill(pids_on(home)[0], signal.SIGKILL)
        servers.stop()
        stale = data / "postmaster.pid"
        lines = stale.read_text().splitlines()
        # The number was given to another process in the meantime: this very one.
        stale.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
        servers.start()
        assert servers.postgres.execute("SELECT 1") == "1"


def test_killing_the_parent_leaves_no_orphans_and_a_usable_home(home):
    parent = subprocess.Popen(
        [sys.executable, "-c", KEEPER, str(home)], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    assert parent.stdout.readline()
    pids = pids_on(home)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert until(lambda: not any(map(is_alive, pids)))

    with EmbeddedServers(home, durable=False) as servers:
        assert servers.postgres.execute("SELECT 1") == "1"


def test_data_of_another_major_version_is_refused_by_name(home):
    with EmbeddedServers(home, durable=False) as servers:
        data = Path(servers.postgres.execute("SHOW data_directory"))
    (data / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedError, match="written by PostgreSQL 9"):
        EmbeddedServers(home, durable=False).start()
    (data / "PG_VERSION").write_text("18\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_runs_the_servers_directly(tmp_path_factory):
    """With the system's Python: the one that runs the tests may lie where others cannot go."""
    daemon = pwd.getpwnam("daemon")
    python = next(
        (path for path in ("/usr/bin/python3", sys.executable) if Path(path).exists()), None
    )
    place = BESIDE / f"giro-user-{os.getpid()}"
    place.mkdir()
    os.chown(place, daemon.pw_uid, daemon.pw_gid)
    paths = [str(REPOSITORY), sysconfig.get_path("purelib")]
    try:
        done = subprocess.run(
            [python, "-B", "-c", KEEPER, str(place / ".giro"), "branch"],
            user=daemon.pw_uid,
            group=daemon.pw_gid,
            extra_groups=[],
            cwd=place,
            env={"PYTHONPATH": os.pathsep.join(paths), "HOME": str(place), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip().endswith("/branch")
        owners = {path.stat().st_uid for path in place.rglob("*")}
        assert owners == {daemon.pw_uid}
    finally:
        shutil.rmtree(place)


@pytest.mark.skipif(os.geteuid() != 0, reason="root's own trap")
def test_root_with_a_home_nobody_can_reach_keeps_its_data_beside(tmp_path_factory):
    hidden = tmp_path_factory.mktemp("hidden")
    hidden.chmod(0o700)
    servers = EmbeddedServers(hidden / "home", durable=False)
    servers.start()
    try:
        record = Record.load(hidden / "home")
        private = Path(record.root)
        assert private.parent == BESIDE
        assert private.stat().st_mode & 0o777 == 0o711
        owner = (private / "postgres").stat()
        assert (owner.st_uid, owner.st_mode & 0o777) == (pwd.getpwnam("nobody").pw_uid, 0o700)
        status = Path(f"/proc/{pids_on(hidden / 'home')[0]}/status").read_text()
        assert f"Uid:\t{owner.st_uid}\t{owner.st_uid}\t{owner.st_uid}" in status
        assert hidden.stat().st_mode & 0o777 == 0o700, "no mode of a parent was changed"
    finally:
        servers.destroy()
    assert not private.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="root's own trap")
def test_root_leaves_a_users_bank_alone(home):
    daemon = pwd.getpwnam("daemon")
    home.mkdir()
    Record().save(home)
    os.chown(home / "embedded.json", daemon.pw_uid, daemon.pw_gid)
    os.chown(home, daemon.pw_uid, daemon.pw_gid)
    home.chmod(0o700)
    before = (home / "embedded.json").read_text()
    with pytest.raises(EmbeddedError, match=f"belongs to user {daemon.pw_uid}: run as that user"):
        EmbeddedServers(home, durable=False).start()
    assert (home / "embedded.json").read_text() == before
    assert (home / "embedded.json").stat().st_uid == daemon.pw_uid


@pytest.mark.skipif(os.geteuid() != 0, reason="root's own trap")
def test_a_home_made_again_under_its_old_name_starts_empty(tmp_path_factory):
    hidden = tmp_path_factory.mktemp("hidden")
    hidden.chmod(0o700)
    with EmbeddedServers(hidden / "home", durable=False) as servers:
        servers.create_database("old")
    shutil.rmtree(hidden / "home")
    again = EmbeddedServers(hidden / "home", durable=False)
    again.start()
    try:
        assert again.postgres.execute("SELECT count(*) FROM pg_database WHERE datname='old'") == "0"
    finally:
        again.destroy()


def test_the_servers_ignore_the_signals_of_the_terminal(home):
    with EmbeddedServers(home, durable=False) as servers:
        assert all(os.getsid(pid) == pid for pid in pids_on(home)), "each in a session of its own"
        assert servers.valkey.stop_signal != signal.SIGINT
