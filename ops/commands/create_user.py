"""`giro create-user`: a user of any role, the first admin above all."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from email_validator import EmailNotValidError, validate_email

from core.audit.log import Actor
from core.foundation.config import Settings
from core.foundation.database import Database
from core.foundation.readable import is_readable
from core.identity.passwords import Passwords
from core.identity.tables import Role, User
from core.identity.users import PersonalData, register
from ops.run.target import target_settings


def command(
    email: Annotated[str, typer.Argument(help="The address to log in with.")],
    role: Annotated[Role, typer.Option(help="What the user may do.")],
    full_name: Annotated[str | None, typer.Option(help="The user's name.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    home: Annotated[Path | None, typer.Option(help="Which home (GIRO_HOME).")] = None,
) -> None:
    """Create a user in the running system (or the one of DATABASE_URL).

    The password comes from a prompt, or with --password-stdin from standard input.
    """
    _refuse_malformed(email)
    if full_name is not None and not is_readable(full_name):
        raise typer.BadParameter("it holds invisible characters", param_hint="--full-name")
    with target_settings(home) as settings:
        password = _password_from_stdin() if password_stdin else _password_from_prompt()
        user = asyncio.run(_create(settings, email, password, role, full_name))
    print(f"{user.role} {user.email} created: {user.id}")


async def _create(
    settings: Settings, email: str, password: str, role: Role, full_name: str | None
) -> User:
    database = Database(settings.database_url, name="giro create-user", pool_size=1)
    passwords = Passwords(rounds=settings.bcrypt_rounds)
    try:
        return await register(
            database,
            passwords,
            email=email,
            password=password,
            person=PersonalData(full_name=full_name),
            actor=Actor(user_id=None, role="system"),
            role=role,
        )
    finally:
        passwords.close()
        await database.close()


def _refuse_malformed(email: str) -> None:
    try:
        validate_email(email, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise typer.BadParameter(str(error), param_hint="EMAIL") from error


def _password_from_stdin() -> str:
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise typer.BadParameter("standard input holds no password", param_hint="--password-stdin")
    return password


def _password_from_prompt() -> str:
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password
