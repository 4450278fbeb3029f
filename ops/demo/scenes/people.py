"""Customers register; an admin is made on the command line, and makes an officer."""

import asyncio
import sys

from rich.table import Table

from ops.demo.stage import DemoFailedError, Person, Stage, check

TITLE = "Who plays"
CUSTOMERS = ("Anna Berg", "Ben Okafor", "Carla Rossi", "Dev Patel")
COUNTRY = "DE"


async def play(stage: Stage) -> None:
    """Register and log in everybody."""
    for name in CUSTOMERS:
        person = Person(name, f"{name.split(maxsplit=1)[0].lower()}@example.com")
        stage.cast[_key(name)] = person
        body = {"email": person.email, "password": person.password, "full_name": name}
        user = await stage.call(
            None, "POST", "/auth/register", {**body, "country": COUNTRY}, expect=201
        )
        check(user["role"] == "customer", f"{name} is a {user['role']}")

    admin = Person("Ada Minh", "ada@bank.example.com", role="admin")
    await _create_on_the_command_line(stage, admin)
    stage.cast["admin"] = admin
    await log_in(stage, "admin")

    officer = Person("Olu Cerny", "olu@bank.example.com", role="officer")
    body = {"email": officer.email, "password": officer.password, "full_name": officer.name}
    await stage.call("admin", "POST", "/admin/users", {**body, "role": "officer"}, expect=201)
    stage.cast["officer"] = officer

    await asyncio.gather(*(log_in(stage, key) for key in stage.cast if key != "admin"))
    table = Table("person", "role", "login")
    for person in stage.cast.values():
        table.add_row(person.name, person.role, person.email)
    stage.console.print(table)

    await stage.call(None, "GET", "/accounts", expect=401)
    await stage.call("anna", "GET", "/admin/reports", expect=403)
    stage.done("no token is refused with 401, a customer among admins with 403")


async def log_in(stage: Stage, key: str) -> None:
    """Get an access token for one of the cast."""
    person = stage.cast[key]
    body = {"email": person.email, "password": person.password}
    answer = await stage.call(None, "POST", "/auth/login", body)
    person.token = answer["access_token"]


async def _create_on_the_command_line(stage: Stage, person: Person) -> None:
    command = [sys.executable, "-m", "ops.cli", "create-user", person.email]
    command += ["--role", person.role, "--full-name", person.name]
    process = await asyncio.create_subprocess_exec(
        *command,
        "--home",
        str(stage.home),
        "--password-stdin",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate(person.password.encode())
    if process.returncode != 0:
        raise DemoFailedError(f"giro create-user failed: {said.decode(errors='replace')}")


def _key(name: str) -> str:
    return name.split(maxsplit=1)[0].lower()
