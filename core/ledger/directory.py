"""Customers' accounts as other features know them: what they may ask the ledger about."""

from datetime import datetime
from typing import Final
from uuid import UUID

from core.foundation.database import Reader

_BALANCE_BEFORE: Final = """
SELECT balance_after_minor FROM postings WHERE account_id = $1 AND booked_at < $2
ORDER BY booked_at DESC, entry_no DESC LIMIT 1
"""


async def balance_before(reader: Reader, account_id: UUID, instant: datetime) -> int:
    """The account's balance in minor units just before ``instant``; 0 before its first entry."""
    balance = await reader.fetchval(_BALANCE_BEFORE, account_id, instant)
    return int(balance or 0)
