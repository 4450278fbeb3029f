"""Durable acceptance: many submissions share one commit.

Submissions that arrive while a commit is under way go together in the next one, as one set-based
insert: the directory of accounts is read once, each order is checked by itself, and those that
pass are inserted as ``pending`` by a single statement, which is its own transaction. When it
returns they are on disk, whatever dies afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from core.foundation.again import again
from core.foundation.batching import Coalescer
from core.foundation.database import Database, UnitOfWork
from core.foundation.errors import (
    DatabaseUnavailable,
    OutcomeUnknown,
    Overloaded,
    Unavailable,
)
from core.foundation.logging import describe, get_logger
from core.foundation.sqlstates import (
    constraint_name,
    is_out_of_time,
    is_retryable,
)
from core.transactions.accepting import accept, accept_own
from core.transactions.orders import Accepted, BankOrder, Order, Result

log = get_logger(__name__)

MAX_SHARED_COMMIT: Final = 500
ATTEMPTS: Final = 3
# An id that is there already: the commit whose answer was lost was still under way a moment ago.
OWN_ID: Final = "pk_transactions"


class Bell(Protocol):
    """How workers are told that transactions are pending."""

    def ring(self, request_id: str | None = None) -> None:
        """Ring, soon; losing a ring costs a sweep's delay and no more."""


@dataclass(frozen=True, slots=True)
class _Ring:
    """A ring that a unit of work owes once it is committed."""

    bell: Bell
    request_id: str | None

    async def __call__(self) -> None:
        self.bell.ring(self.request_id)


class Intake:
    """The door of a process through which every order comes in; whatever commits there rings."""

    def __init__(self, database: Database, bell: Bell, *, lanes: int = 2) -> None:
        self._database = database
        self._bell = bell
        self._shared = Coalescer(self._take_in, max_batch=MAX_SHARED_COMMIT, lanes=lanes)

    async def submit(self, order: Order) -> Accepted:
        """Accept ``order`` durably; answers once it is on disk.

        Raises the GiroError that refuses it (AccountNotFound, InsufficientFunds, …),
        IdempotencyKeyReused, DatabaseUnavailable where nothing was accepted, or OutcomeUnknown
        where the database was lost for good during the commit itself.
        """
        return await self._shared.submit(order)

    async def accept(self, unit: UnitOfWork, orders: Sequence[Order]) -> list[Result]:
        """Accept ``orders`` in the caller's unit of work: on disk once that is committed.

        One result per order, in order: accepted, replayed, or the error that refuses it.
        """
        results = await accept(unit.connection, orders)
        self._ring_after(unit, orders)
        return results

    async def accept_one(self, unit: UnitOfWork, order: Order) -> Accepted:
        """Accept one order in the caller's unit of work. Raises what refuses it."""
        (result,) = await self.accept(unit, [order])
        if isinstance(result, Exception):
            raise result
        return result

    async def accept_own(
        self, unit: UnitOfWork, orders: Sequence[BankOrder], *, request_id: str | None = None
    ) -> None:
        """Accept the bank's own ``orders`` in the caller's unit of work, unchecked.

        ``request_id``: what the ring is for, where the orders themselves name no request.
        """
        await accept_own(unit.connection, orders)
        self._ring_after(unit, orders, request_id)

    def ring(self, request_id: str | None) -> None:
        """Ring for what an earlier commit left pending: a batch that was found, or replayed."""
        self._bell.ring(request_id)

    def _ring_after(
        self, unit: UnitOfWork, orders: Sequence[Order | BankOrder], request_id: str | None = None
    ) -> None:
        if orders:
            unit.once_committed(_Ring(self._bell, request_id or orders[0].request_id))

    async def _take_in(self, orders: list[Order]) -> Sequence[Result]:
        results = await self._accept_shared(orders)
        for order, result in zip(orders, results, strict=True):
            if isinstance(result, Accepted):
                self._bell.ring(order.request_id)
                break
        return results

    async def _accept_shared(self, orders: list[Order]) -> Sequence[Result]:
        """One result per order; an order that breaks the insert breaks it for itself alone."""
        try:
            return await self._accept_with_retries(orders)
        except Unavailable:
            raise
        except Exception as error:
            if len(orders) == 1:
                raise
            log.exception("intake_isolates", orders=len(orders), error=describe(error))
        return [await self._accept_alone(order) for order in orders]

    async def _accept_alone(self, order: Order) -> Result:
        try:
            return (await self._accept_with_retries([order]))[0]
        except Exception as error:  # noqa: BLE001 - handed to the order's own submitter
            return error

    async def _accept_with_retries(self, orders: Sequence[Order]) -> list[Result]:
        """Run the unit of work again after a deadlock or a lost connection.

        Safe to repeat: an order's id is fixed, so that a commit whose outcome was lost shows as
        rows that are there already.
        """
        known: dict[UUID, Result] = {}
        unsure: set[UUID] = set()
        failed_before = False

        async def take_in() -> list[Result]:
            nonlocal known
            if failed_before:
                known |= await self._read_back(orders)
            rest = [order for order in orders if order.id not in known]
            async with self._database.autocommit() as connection:
                results = await accept(connection, rest, unsure)
            fresh = zip(rest, results, strict=True)
            known |= {order.id: _certain(order, result, unsure) for order, result in fresh}
            return [known[order.id] for order in orders]

        def may_run_again(error: Exception) -> bool:
            nonlocal failed_before
            failed_before = True
            waits_no_longer = isinstance(error, Overloaded) or is_out_of_time(error)
            return _is_nobodys_fault(error) and not waits_no_longer

        try:
            return await again(
                take_in,
                attempts=ATTEMPTS,
                after=may_run_again,
                pause_seconds=lambda attempt: 0.05 * attempt,
                what="acceptance",
            )
        except Exception as error:
            if not _is_nobodys_fault(error):
                raise
            if not (known or unsure):
                raise _refusal(error) from error
            return [known.get(order.id) or _lost(order, unsure) for order in orders]

    async def _read_back(self, orders: Sequence[Order]) -> dict[UUID, Result]:
        async with self._database.read() as reader:
            rows = await reader.fetch(
                "SELECT id, status, payment_ref FROM transactions WHERE id = ANY($1::uuid[])",
                [order.id for order in orders],
            )
        return {
            row["id"]: Accepted(row["id"], row["status"], payment_ref=row["payment_ref"])
            for row in rows
        }


def _is_nobodys_fault(error: Exception) -> bool:
    return is_retryable(error) or constraint_name(error) == OWN_ID


def _certain(order: Order, result: Result, unsure: set[UUID]) -> Result:
    """A refusal is none while an earlier insert of the same order may still be under way."""
    if isinstance(result, Exception) and order.id in unsure:
        return OutcomeUnknown(transaction_id=order.id)
    return result


def _refusal(error: Exception) -> Unavailable:
    return error if isinstance(error, Unavailable) else DatabaseUnavailable()


def _lost(order: Order, unsure: set[UUID]) -> Result:
    if order.id in unsure:
        return OutcomeUnknown(transaction_id=order.id)
    return DatabaseUnavailable()
