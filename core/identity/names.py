"""What people are called, for other features to say."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from core.foundation.database import Reader

_NAMES: Final = "SELECT id, coalesce(full_name, email) FROM users WHERE id = ANY($1::uuid[])"
_OFFICER: Final = """
SELECT coalesce(full_name, email) FROM users
WHERE id = $1 AND role IN ('officer', 'admin') AND status = 'active' AND deleted_at IS NULL
"""


async def names_of(reader: Reader, user_ids: Collection[UUID]) -> dict[UUID, str]:
    """Their full names, or the addresses of those who have told none."""
    return dict(map(tuple, await reader.fetch(_NAMES, list(user_ids))))


async def officer_name(reader: Reader, user_id: UUID) -> str | None:
    """The name of a member of staff who can take work; None where this is none."""
    name: str | None = await reader.fetchval(_OFFICER, user_id)
    return name
