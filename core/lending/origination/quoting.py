"""Quotes on the side: a long one is computed in a process of its own, one at a time.

Anybody may ask for a quote, and a long schedule is a good part of a second of computing: on a
thread it would take that from every other request of the process. Short ones are not worth the way.
"""

import asyncio
import os
import signal
import threading
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Final

from core.foundation.errors import Overloaded
from core.foundation.logging import get_logger
from core.foundation.turns import Turns
from core.lending.amortisation import Quote, Terms, TermsError, quote
from core.lending.origination.products import no_schedule

log = get_logger(__name__)

SHORT_ROWS: Final = 120
PATIENCE_SECONDS: Final = 10.0
MAX_WAITING: Final = 200
WAITING_EACH: Final = 100
# Money moves first.
NICENESS: Final = 10

# The quote, or the field that is at fault and why.
Found = Quote | tuple[str, str]


class Quotes:
    """Computes quotes, in rounds among those who ask."""

    def __init__(self) -> None:
        self._short = _turns("short_quotes", 2)
        self._long = _turns("long_quotes", 1)
        self._aside: Executor | None = None

    async def quote(self, terms: Terms, whose: str) -> Quote:
        """The quote. Raises InvalidLoanTerms, or Overloaded where too many wait."""
        if rows_of(terms) <= SHORT_ROWS:
            async with self._short.turn(whose):
                found = await asyncio.to_thread(_quote, terms)
        else:
            async with self._long.turn(whose):
                found = await self._quote_aside(terms)
        if isinstance(found, Quote):
            return found
        raise no_schedule(TermsError(*found))

    async def _quote_aside(self, terms: Terms) -> Found:
        if self._aside is None:
            self._aside = ProcessPoolExecutor(
                1, mp_context=get_context("spawn"), initializer=_begin, initargs=(os.getpid(),)
            )
        try:
            return await asyncio.get_running_loop().run_in_executor(self._aside, _quote, terms)
        except BrokenProcessPool as error:  # killed, for want of memory or by hand
            log.warning("quoting_process_died")
            self.close()
            raise Overloaded from error

    def close(self) -> None:
        """Let the process go."""
        if self._aside is not None:
            self._aside.shutdown(wait=False, cancel_futures=True)
            self._aside = None


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


def _begin(parent: int) -> None:
    """In the new process: behind all others, deaf to the terminal, gone with its parent."""
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)
