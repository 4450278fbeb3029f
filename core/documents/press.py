"""The press: documents printed on the side, one at a time, in rounds among those who ask."""

from typing import Final

from core.documents.document import Document
from core.foundation.aside import Aside
from core.foundation.turns import Turns

PATIENCE_SECONDS: Final = 15.0
MAX_WAITING: Final = 100
WAITING_EACH: Final = 5


class Press:
    """Prints documents."""

    def __init__(self) -> None:
        self._turns = Turns(
            "documents",
            1,
            max_waiting=MAX_WAITING,
            waiting_each=WAITING_EACH,
            patience_seconds=PATIENCE_SECONDS,
        )
        self._aside = Aside("documents")

    async def print(self, document: Document, whose: str) -> bytes:
        """The document as PDF. Raises Overloaded where too many wait."""
        async with self._turns.turn(whose):
            return await self._aside.run(_render, document)

    def close(self) -> None:
        """Let the process go."""
        self._aside.close()


def _render(document: Document) -> bytes:
    # The libraries that lay pages out are imported over there alone.
    from core.documents.pdf import render  # noqa: PLC0415

    return render(document)
