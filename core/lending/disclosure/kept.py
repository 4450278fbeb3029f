"""What was disclosed is kept as it was given: added once, never changed."""

from uuid import UUID

from core.foundation.database import Connection, Reader
from core.lending.disclosure.disclosures import Disclosure

_KEEP = """
INSERT INTO loan_disclosures (loan_id, version, given_on, given_at, content)
SELECT $1, coalesce(max(version), 0) + 1, $2, clock_timestamp(), $3::text::jsonb
FROM loan_disclosures WHERE loan_id = $1
"""
_NEWEST = """
SELECT content::text FROM loan_disclosures WHERE loan_id = $1 ORDER BY version DESC LIMIT 1
"""


async def keep(connection: Connection, disclosure: Disclosure) -> None:
    """Keep what is given now; the loan is locked."""
    content = disclosure.model_dump_json()
    await connection.execute(_KEEP, disclosure.loan_id, disclosure.given_on, content)


async def newest(reader: Reader, loan_id: UUID) -> Disclosure | None:
    """What was given last; None where nothing was."""
    content = await reader.fetchval(_NEWEST, loan_id)
    return None if content is None else Disclosure.model_validate_json(content)
