"""Quotes on the side: a long one is computed in a process of its own, one at a time.

Anybody may ask for a quote, and a long schedule is a good part of a second of computing: on a
thread it would take that from every other request of the process. Short ones are not worth the way.
"""

import asyncio
from typing import Final

from core.foundation.aside import Aside
from core.foundation.turns import Turns
from core.lending.amortisation import Quote, Terms, TermsError, quote
from core.lending.origination.products import no_schedule

SHORT_ROWS: Final = 120
PATIENCE_SECONDS: Final = 10.0
MAX_WAITING: Final = 200
WAITING_EACH: Final = 100

# The quote, or the field that is at fault and why.
Found = Quote | tuple[str, str]


class Quotes:
    """Computes quotes, in rounds among those who ask."""

    def __init__(self) -> None:
        self._short = _turns("short_quotes", 2)
        self._long = _turns("long_quotes", 1)
        self._aside = Aside("quotes")

    async def quote(self, terms: Terms, whose: str) -> Quote:
        """The quote. Raises InvalidLoanTerms, or Overloaded where too many wait."""
        if rows_of(terms) <= SHORT_ROWS:
            async with self._short.turn(whose):
                found = await asyncio.to_thread(_quote, terms)
        else:
            async with self._long.turn(whose):
                found = await self._aside.run(_quote, terms)
        if isinstance(found, Quote):
            return found
        raise no_schedule(TermsError(*found))

    def close(self) -> None:
        """Let the process go."""
        self._aside.close()


def _quote(terms: Terms) -> Found:
    # Between processes an error travels as the values that make it.
    try:
        return quote(terms)
    except TermsError as error:
        return error.field, error.message


def rows_of(terms: Terms) -> int:
    """How many rows are laid out: every prepayment lays the later ones out anew."""
    return terms.instalments * (1 + len(terms.prepayments))


def _turns(name: str, slots: int) -> Turns:
    return Turns(
        name,
        slots,
        max_waiting=MAX_WAITING,
        waiting_each=WAITING_EACH,
        patience_seconds=PATIENCE_SECONDS,
    )
