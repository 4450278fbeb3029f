"""`giro`: the one entry point. One file per command below `ops/commands`, imported when called."""

import sys
from importlib import import_module
from typing import Annotated, Final

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from core import __version__
from core.foundation.errors import GiroError
from core.foundation.sqlstates import is_connection_loss
from ops.embedded import EmbeddedError

COMMANDS: Final = (
    *("up", "status", "demo", "create-user"),
    *("close-day", "verify", "bench", "migrate"),
)


class Commands(TyperGroup):
    """Imports a command when it is called for: `giro status` should not wait for `giro bench`."""

    def list_commands(self, _context: typer.Context) -> list[str]:  # type: ignore[override]
        """All names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, _context: typer.Context, name: str) -> typer.core.TyperCommand | None:  # type: ignore[override]
        """The command of that name, or None."""
        if name not in COMMANDS:
            return None
        module = import_module(f"ops.commands.{name.replace('-', '_')}")
        single = typer.Typer(add_completion=False)
        single.command(name)(module.command)
        command = typer.main.get_command(single)
        return command if isinstance(command, typer.core.TyperCommand) else None


app = typer.Typer(
    name="giro",
    cls=Commands,
    help="Giro, a digital bank: run it, look at it, measure it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"giro {__version__}")
        raise typer.Exit


@app.callback()
def giro(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Giro, a digital bank: run it, look at it, measure it."""


def main() -> None:
    """Run the command line; what the user can repair is one line, not a traceback."""
    try:
        app(prog_name="giro")
    except (EmbeddedError, GiroError) as error:
        print(f"giro: {error}", file=sys.stderr)
        sys.exit(1)
    except ValidationError as error:
        for line in settings_refused(error):
            print(f"giro: {line}", file=sys.stderr)
        sys.exit(2)
    except Exception as error:
        # A store that went away under way, or a file that may not be read or written.
        if not is_connection_loss(error):
            raise
        print(f"giro: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)


def settings_refused(error: ValidationError) -> list[str]:
    """A line for each setting that was refused, under the name that it is set by."""
    lines = []
    for problem in error.errors():
        said = problem["msg"].removeprefix("Value error, ")
        name = ".".join(str(part) for part in problem["loc"]).upper()
        # Our own refusals name the setting themselves.
        lines.append(said if not name or name in said else f"{name}: {said}")
    return lines


if __name__ == "__main__":
    main()
