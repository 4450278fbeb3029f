"""The checks of the books, run and shown."""

from collections.abc import Sequence

from rich.table import Table

from core.foundation.config import Settings
from core.foundation.database import Database
from core.verification import Result, verify


async def verify_books(settings: Settings) -> list[Result]:
    """Run every check on the database of `settings`, as the role that only reads."""
    database = Database(settings.auditor_url, name="verify", pool_size=1)
    try:
        return await verify(database)
    finally:
        await database.close()


def render(results: Sequence[Result]) -> Table:
    """A table of the checks, how much each looked at, and what breaks it."""
    table = Table("promise", "check", "looked at", "breaches", "")
    for result in results:
        shown = "\n".join(breach.what for breach in result.breaches)
        more = result.breach_count - len(result.breaches)
        table.add_row(
            str(result.promise),
            result.name,
            f"{result.looked_at:,}",
            "[green]none[/]" if result.ok else f"[bold red]{result.breach_count:,}[/]",
            f"{shown}\n… and {more:,} more" if more > 0 else shown,
        )
    return table
