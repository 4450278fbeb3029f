"""The container files agree with the code: commands, settings, stages, health, secrets."""

import os
import re
import shlex
import subprocess
import sys
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import asyncpg
import pytest
import yaml

from core.foundation.config import DATABASE_URLS, Settings
from core.foundation.jobs import QUEUES
from ops.containers import healthcheck
from ops.embedded.home import Record
from ops.embedded.ports import free_port
from ops.embedded.software import client_programs
from ops.run import processes
from tests import servers as testing

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = ("Dockerfile.api", "Dockerfile.worker")
PROGRAMS = ("api", "worker", "scheduler", "migrate")
COMPOSE_ONLY = {
    *("POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD", "POSTGRES_SUPERUSER_PASSWORD"),
    *("POSTGRES_API_PASSWORD", "POSTGRES_WORKER_PASSWORD", "POSTGRES_AUDITOR_PASSWORD"),
    *("REDIS_PASSWORD", "API_PORT", "WORKERS"),
}
SECRETS = {name for name in COMPOSE_ONLY if name.endswith("PASSWORD")} | {"SECRET_KEY"}
ROLES = {
    "migrate": "${POSTGRES_USER:-giro}:${POSTGRES_PASSWORD:?set it in .env}",
    "api": "giro_api:${POSTGRES_API_PASSWORD:?set it in .env}",
    "worker": "giro_worker:${POSTGRES_WORKER_PASSWORD:?set it in .env}",
    "scheduler": "giro_worker:${POSTGRES_WORKER_PASSWORD:?set it in .env}",
}


def instructions(name: str) -> list[tuple[str, str]]:
    """A Dockerfile as (INSTRUCTION, arguments), comments dropped and continuations joined."""
    lines = [x for x in (ROOT / name).read_text().splitlines() if not x.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    pairs = (line.partition(" ") for line in joined.splitlines() if line.strip())
    return [(word.upper(), rest.strip()) for word, _, rest in pairs]


def last(name: str, instruction: str) -> str:
    return [rest for word, rest in instructions(name) if word == instruction][-1]


def exec_form(text: str) -> list[str]:
    return yaml.safe_load(text[text.index("[") :])


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def example() -> dict[str, str]:
    """`.env.example`, commented-out settings included."""
    pairs = re.findall(r"^(?:# )?([A-Z][A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.M)
    assert len(pairs) == len(dict(pairs)), "a setting is listed twice"
    return dict(pairs)


def test_the_images_run_the_very_commands_of_giro_up():
    everywhere = "0.0.0.0"  # noqa: S104  (inside the container)
    assert exec_form(last("Dockerfile.api", "CMD")) == processes.api(everywhere, 8000, 1, "python")
    assert exec_form(last("Dockerfile.worker", "CMD")) == processes.worker("python")


def test_the_services_run_the_very_commands_of_giro_up(compose):
    services = compose["services"]
    assert services["scheduler"]["command"] == processes.scheduler("python")
    migrate = [x.replace(f"{processes.ROOT}/", "/app/") for x in processes.migrate("python")]
    assert services["migrate"]["command"] == migrate
    for name in ("api", "worker"):
        assert "command" not in services[name], "the image's own command runs"


def test_the_workers_serve_every_queue():
    command = processes.worker("python")
    assert tuple(command[command.index("--queues") + 1 :]) == QUEUES


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_is_built_in_two_stages_and_runs_as_nobody_special(name):
    words = instructions(name)
    stages = [rest for word, rest in words if word == "FROM"]
    assert len(stages) == 2
    assert all(re.match(r"python:\d+\.\d+\.\d+-slim-\w+( AS build)?$", x) for x in stages)
    final = words[[word for word, _ in words].index("FROM", 1) :]
    assert ("USER", "giro") in final
    assert not any(
        tool in rest
        for word, rest in final
        if word == "RUN"
        for tool in ("apt-get", "pip", "gcc", "uv ", "curl")
    ), "no build tools in the final stage"
    assert [word for word, _ in final].index("USER") < [word for word, _ in final].index("CMD")


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_an_image_copies_exists_and_is_let_through(name):
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*", "everything stays out except what runs"
    for word, rest in instructions(name):
        if word == "COPY" and not rest.startswith("--from"):
            for source in shlex.split(rest)[:-1]:
                assert (ROOT / source).exists(), source
                assert source == "." or f"!{source}" in ignored, source
    for package in ("api", "core", "worker", "ops", "migrations", "alembic.ini"):
        assert f"!{package}" in ignored
        assert (ROOT / package).exists()


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_checks_its_health_with_a_program_it_has(name, compose):
    command = exec_form(last(name, "HEALTHCHECK"))
    assert command[:3] == ["python", "-m", "ops.containers.healthcheck"]
    port = last(name, "EXPOSE")
    assert f":{port}/" in command[3]
    if name == "Dockerfile.worker":
        assert f"WORKER_METRICS_PORT={port}" in last(name, "ENV")
        assert compose["services"]["worker"]["environment"]["WORKER_METRICS_PORT"] == port


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_a_health_check_passes_on_a_200_only(status, code):
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.handle_request, daemon=True).start()
        assert healthcheck.main(f"http://127.0.0.1:{server.server_port}/health/ready") == code


def test_a_health_check_fails_on_silence():
    assert healthcheck.main(f"http://127.0.0.1:{free_port()}/health/ready") == 1


def test_every_setting_is_in_the_example_and_nothing_else(example):
    settings = {name.upper() for name in Settings.model_fields}
    assert set(example) == settings | COMPOSE_ONLY


def test_the_example_shows_the_true_defaults(example, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    defaults = Settings()
    shown = {k: v for k, v in example.items() if k not in COMPOSE_ONLY | SECRETS and v}
    for name, value in shown.items():
        monkeypatch.setenv(name, value)
    told = Settings()
    for name in shown:
        assert getattr(told, name.lower()) == getattr(defaults, name.lower()), name
    for name, value in example.items():
        if name not in COMPOSE_ONLY | SECRETS and not value:
            assert getattr(defaults, name.lower()) in (None, "", [], Decimal(0)), name


def test_the_example_can_be_copied_as_it_is_and_every_line_of_it_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    text = (ROOT / ".env.example").read_text()
    for copied in (text, re.sub(r"^# ([A-Z_]+=)", r"\1", text, flags=re.M)):
        (tmp_path / ".env").write_text(copied)
        assert Settings() == Settings(_env_file=None)


def test_no_secret_is_written_down(example, compose):
    assert all(example[name] == "" for name in SECRETS)
    text = (ROOT / "docker-compose.yml").read_text()
    for name in SECRETS:
        assert f"${{{name}:?" in text, f"{name} must be required"
        assert f"${{{name}:-" not in text, f"{name} must have no default"


def test_programs_start_when_what_they_need_is_there(compose):
    services = compose["services"]
    assert services["roles"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["migrate"]["depends_on"] == {
        "roles": {"condition": "service_completed_successfully"},
        "postgres": {"condition": "service_healthy"},
    }
    for name in ("api", "worker", "scheduler"):
        assert services[name]["depends_on"] == {
            "migrate": {"condition": "service_completed_successfully"},
            "postgres": {"condition": "service_healthy"},
            "redis": {"condition": "service_healthy"},
        }
    assert "-clog_error_verbosity=terse" in services["postgres"]["command"], "it logs no rows"
    for name in ("postgres", "redis"):
        assert services[name]["healthcheck"]["test"]
        assert services[name]["volumes"], "the data outlives the container"
        assert "ports" not in services[name], "the stores are reachable from inside only"
    assert "--appendonly yes" in services["redis"]["command"][-1]
    assert int(re.search(r"\d+", services["worker"]["deploy"]["replicas"]).group()) > 1


def test_programs_have_no_rights_they_do_not_need(compose):
    for name in PROGRAMS:
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert ("ports" in service) == (name == "api"), "a worker's metrics stay inside"
        assert service["environment"]["ENVIRONMENT"] == "${ENVIRONMENT:-production}"
        for secret in COMPOSE_ONLY & SECRETS - {"REDIS_PASSWORD"}:
            assert service["environment"][secret] == "", "a program knows its own role alone"
        dockerfile = ROOT / service["build"]["dockerfile"]
        assert dockerfile.exists()


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_is_in_production_unless_told_otherwise(name):
    words = instructions(name)
    final = words[[word for word, _ in words].index("FROM", 1) :]
    assert any(word == "ENV" and "ENVIRONMENT=production" in rest for word, rest in final)


def test_the_api_alone_knows_the_keys(compose):
    services = compose["services"]
    for key in ("SECRET_KEY", "SECRET_KEY_PREVIOUS", "METRICS_TOKEN"):
        assert services["api"]["environment"][key].startswith(f"${{{key}:")
        for name in ("worker", "scheduler", "migrate"):
            assert services[name]["environment"][key] == "", "env_file would bring it"


def test_a_worker_starts_in_production_without_the_key(tmp_path):
    """As a container does: the variable is there, and empty."""
    program = "from core.foundation.config import Settings, ApiSettings; Settings(); ApiSettings()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "ENVIRONMENT": "production", "SECRET_KEY": "", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "for ApiSettings" in done.stderr, "the API alone refuses to start without it"


def test_each_program_knows_the_database_by_its_own_role_alone(compose):
    for name in PROGRAMS:
        environment = compose["services"][name]["environment"]
        assert environment["DATABASE_URL"].startswith(f"postgresql://{ROLES[name]}@postgres:5432/")
        others = {x.upper() for x in DATABASE_URLS} - {"DATABASE_URL"}
        assert {environment[other] for other in others} == {""}
    assert compose["services"]["roles"]["image"] == compose["services"]["postgres"]["image"]


def test_images_are_pinned_by_version(compose):
    for name, service in compose["services"].items():
        _, _, tag = service["image"].partition(":")
        assert re.match(r"\d+\.\d+", tag), name


@pytest.mark.parametrize(("name", "oldest"), [("postgres", (18, 6)), ("redis", (7, 4, 9))])
def test_the_stores_have_their_latest_repairs(compose, name, oldest):
    """The patch releases of August and May 2026, which close known holes."""
    tag = compose["services"][name]["image"].partition(":")[2]
    version = tuple(map(int, tag.partition("-")[0].split(".")))
    assert version[: len(oldest) - 1] == oldest[:-1], "another line is a decision of its own"
    assert version >= oldest


async def test_the_roles_of_the_containers_are_made_once_and_mended_ever_after(compose):
    """Run as the container runs it, on the servers of this test run."""
    service = compose["services"]["roles"]
    (mount,) = service["volumes"]
    script, _, inside = mount.removesuffix(":ro").partition(":")
    assert service["command"][-1] == inside
    postgres = testing.servers().postgres
    record = Record.load(Path(os.environ[testing.HOME_VARIABLE]))
    name = f"container_{os.getpid()}"
    told = {
        "GIRO_DATABASE": name,
        "GIRO_OWNER": name,
        "GIRO_OWNER_PASSWORD": 'it\'s "quoted"; $HOME',
        # The roles are this cluster's, and others are using them: they keep their passwords.
        "GIRO_API_PASSWORD": record.postgres_api_password,
        "GIRO_WORKER_PASSWORD": record.postgres_worker_password,
        "GIRO_AUDITOR_PASSWORD": record.postgres_auditor_password,
    }
    assert told.keys() | {"PGHOST", "PGUSER", "PGPASSWORD"} == service["environment"].keys()
    command = [x if x != inside else str(ROOT / script) for x in service["command"]]
    for password in (told["GIRO_OWNER_PASSWORD"], "another one"):
        environment = {
            **postgres.client_environment(),
            "PATH": f"{client_programs()}:{os.environ['PATH']}",
            **told,
            "GIRO_OWNER_PASSWORD": password,
        }
        done = subprocess.run(  # noqa: ASYNC221  (nothing else is under way)
            command, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        connection = await asyncpg.connect(
            host="127.0.0.1", port=postgres.port, user=name, password=password, database=name
        )
        await connection.execute("CREATE TABLE IF NOT EXISTS books (id int)")
        query = "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
        assert await connection.fetchval(query) is False
        await connection.close()
    testing.servers().drop_database(name)
    postgres.execute(f"DROP ROLE {name};")
