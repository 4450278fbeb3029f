"""Who is the same person: nobody of the staff does a deed on what is his own, nor pays himself."""

from collections.abc import Collection
from uuid import UUID

from core.foundation.database import Connection, Reader
from core.foundation.errors import FourEyes

_SAME_PERSONS = """
SELECT b.id FROM users a JOIN users b ON a.id = b.id
    OR nullif(regexp_replace(upper(a.id_document), '[^[:alnum:]]', '', 'g'), '')
         = regexp_replace(upper(b.id_document), '[^[:alnum:]]', '', 'g')
    OR nullif(regexp_replace(lower(a.full_name), '[^[:alnum:]]', '', 'g'), '')
         = regexp_replace(lower(b.full_name), '[^[:alnum:]]', '', 'g')
       AND a.date_of_birth = b.date_of_birth
WHERE a.id = $1 AND b.id = ANY($2::uuid[])
"""


async def same_persons(reader: Reader, user_id: UUID, others: Collection[UUID]) -> set[UUID]:
    """Those of the users ``others`` who are the same person as ``user_id``.

    The same person is the same user, or another one with the same identity document, or with the
    same name and date of birth. Case, spaces and punctuation do not count. What a user has not
    told makes nobody the same: a shared phone or address may be a family's.
    """
    return {row["id"] for row in await reader.fetch(_SAME_PERSONS, user_id, list(others))}


async def is_one_of(connection: Connection, user_id: UUID, others: Collection[UUID]) -> bool:
    """Whether one of the users ``others`` is the same person as ``user_id``."""
    return user_id in others or bool(await same_persons(connection, user_id, others))


async def refuse_own(connection: Connection, actor_id: UUID, owners: Collection[UUID]) -> None:
    """Raise FourEyes where ``actor_id`` is the same person as one of ``owners``."""
    if await is_one_of(connection, actor_id, owners):
        raise FourEyes
