"""Identifiers: UUID version 7 (RFC 9562), so that a new row lands at the end of its index."""

from uuid import UUID

from uuid_utils.compat import uuid7

new_id = uuid7


def expect_id(text: str, otherwise: type[Exception]) -> UUID:
    """The UUID that ``text`` spells; raises ``otherwise`` where it is none: nothing has that id."""
    known = parse_id(text)
    if known is None:
        raise otherwise
    return known


def parse_id(text: str) -> UUID | None:
    """The UUID that ``text`` spells, or None where it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None
