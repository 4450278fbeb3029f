"""Pages of lists: a limit, and an opaque cursor that says where the next page begins."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from fastapi import Depends, Query

from core.foundation.errors import InvalidCursor

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_NUMBER = 2**63 - 1  # PostgreSQL's bigint, of which our numbers are
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page:
    """Which page is wanted."""

    limit: int
    cursor: str | None

    @property
    def fetch(self) -> int:
        """How many rows to read: one more than are shown says whether there is a next page."""
        return self.limit + 1

    def position(self, *kinds: type) -> list[Any] | None:
        """The values that the cursor holds, as ``kinds``; None on the first page.

        Raises InvalidCursor for one that we did not give.
        """
        if self.cursor is None:
            return None
        try:
            raw = urlsafe_b64decode(self.cursor.encode("ascii") + b"===")
            values = msgspec.json.decode(raw, type=list)
            if len(values) != len(kinds):
                raise InvalidCursor(errors=_ON_CURSOR)
            return [_part(value, kind) for value, kind in zip(values, kinds, strict=True)]
        except (ValueError, msgspec.MsgspecError) as error:
            raise InvalidCursor(errors=_ON_CURSOR) from error

    def after_id(self) -> UUID | None:
        """The id after which the page begins, for lists in the order of their ids."""
        position = self.position(UUID)
        return position[0] if position else None

    def after_code(self) -> str | None:
        """The code after which the page begins, for reference lists in the order of their codes."""
        position = self.position(str)
        if position and "\0" in position[0]:
            raise InvalidCursor(errors=_ON_CURSOR)
        return position[0] if position else None

    def cut(
        self, rows: Sequence[Row], key: Callable[[Row], Sequence[Any]]
    ) -> tuple[Sequence[Row], str | None]:
        """The rows of this page and the cursor of the next, from ``fetch`` rows or fewer."""
        if len(rows) <= self.limit:
            return rows, None
        shown = rows[: self.limit]
        raw = msgspec.json.encode(list(key(shown[-1])))
        return shown, urlsafe_b64encode(raw).rstrip(b"=").decode()


def _part(value: Any, kind: type) -> Any:
    part: object = msgspec.convert(value, kind)
    if isinstance(part, int) and not 0 <= part <= MAX_NUMBER:
        raise ValueError("no number of ours")
    return part


_ON_CURSOR = [{"field": "cursor", "message": InvalidCursor.title, "code": InvalidCursor.code}]


def _page(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Rows on a page")] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(max_length=500, description="`next_cursor` of the page before")
    ] = None,
) -> Page:
    return Page(limit, cursor)


Paging = Annotated[Page, Depends(_page)]
