"""`giro`: the one entry point. One file per command below `ops/commands`."""

import sys

import typer
from pydantic import ValidationError

from core.errors import GiroError
from ops.commands import bench, create_user, demo, migrate, status, up, verify
from ops.embedded import EmbeddedError
from ops.stack import StackError
from ops.supervisor import ChildFailedError

app = typer.Typer(
    name="giro",
    help="Giro, a digital bank: run it, look at it, measure it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.command("up")(up.command)
app.command("status")(status.command)
app.command("create-user")(create_user.command)
app.command("demo")(demo.command)
app.command("verify")(verify.command)
app.command("bench")(bench.command)
app.command("migrate")(migrate.command)


def main() -> None:
    """Run the command line; what the user can repair is one line, not a traceback."""
    try:
        app(prog_name="giro")
    except (EmbeddedError, StackError, ChildFailedError, GiroError) as error:
        print(f"giro: {error}", file=sys.stderr)
        sys.exit(1)
    except ValidationError as error:
        for problem in error.errors():
            field = ".".join(str(part) for part in problem["loc"]).upper() or "settings"
            print(f"giro: {field}: {problem['msg']}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
