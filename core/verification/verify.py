"""Running the checks."""

from typing import Final

from core.foundation.database import Database, Reader
from core.privileges import CATALOG, differences
from core.verification import accruals, books, guards, loans
from core.verification.checks import SHOWN, Breach, Check, Result

CHECKS: Final = tuple(
    sorted(
        (*books.CHECKS, *loans.CHECKS, *accruals.CHECKS, *guards.CHECKS),
        key=lambda check: check.promise,
    )
)


async def verify(database: Database) -> list[Result]:
    """What every check found, in the order of the promises, all at one moment."""
    async with database.snapshot() as reader:
        return await check_all(reader)


async def check_all(reader: Reader) -> list[Result]:
    """What every check finds as ``reader`` sees the books."""
    return [*[await _run(reader, check) for check in CHECKS], await _privileges(reader)]


async def _privileges(reader: Reader) -> Result:
    catalog = await reader.fetch(CATALOG)
    extra = sorted(map(str, differences(catalog).extra))
    return Result(
        promise=8,
        name="nobody holds a privilege beyond the matrix, or to change what is append-only",
        looked_at=len(catalog),
        breach_count=len(extra),
        breaches=[Breach(what) for what in extra[:SHOWN]],
    )


async def _run(reader: Reader, check: Check) -> Result:
    looked_at = await reader.fetchval(check.figure)
    rows = await reader.fetch(
        f"WITH breaches AS ({check.breaches}) "  # noqa: S608 - the text is a constant of ours
        "SELECT what, count(*) OVER () AS total FROM breaches LIMIT $1",
        SHOWN,
    )
    return Result(
        promise=check.promise,
        name=check.name,
        looked_at=looked_at,
        breach_count=rows[0]["total"] if rows else 0,
        breaches=[Breach(row["what"]) for row in rows],
    )
