"""The last line of most stories here."""

from core.verification import verify
from tests.quiet import Quiet


async def assert_books_are_sound(quiet: Quiet) -> None:
    """Every promise about the books holds."""
    broken = [result for result in await verify(quiet.database) if not result.ok]
    assert not broken, broken
