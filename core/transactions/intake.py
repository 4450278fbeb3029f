"""Durable acceptance: many submissions share one commit.

Submissions that arrive while a commit is under way go together in the next one, as one set-based
insert: the directory of accounts is read once, each order is checked by itself, and those that
pass are inserted as ``pending`` by a single statement, which is its own transaction. When it
returns they are on disk, whatever dies afterwards.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from core.foundation import clock
from core.foundation.batching import Coalescer
from core.foundation.database import Connection, Database
from core.foundation.errors import (
    DatabaseUnavailable,
    GiroError,
    IdempotencyKeyReused,
    OutcomeUnknown,
    Overloaded,
    Unavailable,
)
from core.foundation.logging import describe, get_logger
from core.foundation.metrics import stage
from core.foundation.sqlstates import (
    constraint_name,
    is_connection_loss,
    is_out_of_time,
    is_retryable,
)
from core.ledger.numbers import is_account_number
from core.transactions.check import Checked, Directory, PartyAccount, check, refuse_short
from core.transactions.details import encode
from core.transactions.orders import Accepted, BankOrder, Idempotency, Order

log = get_logger(__name__)

MAX_SHARED_COMMIT: Final = 500
ATTEMPTS: Final = 3
# An id that is there already: the commit whose answer was lost was still under way a moment ago.
OWN_ID: Final = "pk_transactions"

_FIND_PARTIES = """
SELECT id, account_number, owner_id, currency, status, is_primary,
       balance_minor + overdraft_limit_minor AS available_minor
FROM accounts WHERE id = ANY($1::uuid[])
UNION
SELECT id, account_number, owner_id, currency, status, is_primary,
       balance_minor + overdraft_limit_minor
FROM accounts WHERE account_number = ANY($2::text[])
UNION
SELECT id, account_number, owner_id, currency, status, is_primary,
       balance_minor + overdraft_limit_minor
FROM accounts WHERE owner_id = ANY($3::uuid[]) AND is_primary
"""

# Balance and pending credits in one statement, so in one snapshot: a credit that settles in
# between would otherwise be in neither. What may come can be more than any amount: whoever sends
# the same money to and fro has it counted each time, until the first of it is settled.
_REACHABLE = """
SELECT a.id, least(a.balance_minor + a.overdraft_limit_minor + coalesce((
    SELECT sum(t.amount_minor) FROM transactions t
    WHERE t.status = 'pending' AND t.credit_account_id = a.id
), 0), 9223372036854775807)::bigint AS reachable_minor
FROM accounts a WHERE a.id = ANY($1::uuid[])
"""

_FIND_KEYS = """
SELECT k.owner_id, k.key, k.fingerprint, k.resource_id, t.status, t.payment_ref
FROM idempotency_keys k
JOIN unnest($1::uuid[], $2::text[]) AS asked (owner_id, key) USING (owner_id, key)
LEFT JOIN transactions t ON t.id = k.resource_id
"""

# One statement, one transaction: a row with an idempotency key goes in only where this statement
# won the key. ``WITH ORDINALITY`` numbers the rows in the order in which they were submitted. A
# payment gets its reference here; refused ones take none.
_ACCEPT = """
WITH asked AS (
  SELECT * FROM unnest(
    $1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::uuid[], $6::uuid[], $7::text[],
    $8::uuid[], $9::text[], $10::text[], $11::jsonb[], $12::uuid[], $13::uuid[], $14::text[],
    $15::uuid[], $16::text[], $17::bytea[]
  ) WITH ORDINALITY AS a (
    id, type, amount_minor, currency, debit_account_id, credit_account_id, contra_code,
    initiated_by, description, reference, details, reverses, batch_id, request_id,
    key_owner_id, key, fingerprint, place
  )
), won AS (
  INSERT INTO idempotency_keys (owner_id, key, fingerprint, resource_id, created_at)
  SELECT key_owner_id, key, fingerprint, id, $18 FROM asked WHERE key IS NOT NULL
  ORDER BY key_owner_id, key
  ON CONFLICT DO NOTHING
  RETURNING resource_id
)
INSERT INTO transactions (
  id, type, amount_minor, currency, debit_account_id, credit_account_id, contra_code,
  initiated_by, description, reference, payment_ref, details, reverses, batch_id, request_id,
  created_at
)
SELECT id, type, amount_minor, currency, debit_account_id, credit_account_id, contra_code,
  initiated_by, description, reference,
  CASE WHEN type = 'payment' THEN 'payment' || nextval('payment_ref_seq') END,
  details, reverses, batch_id, request_id, $18
FROM asked
WHERE key IS NULL OR id IN (SELECT resource_id FROM won)
ORDER BY place
RETURNING id, payment_ref
"""

Result = Accepted | Exception
Row = tuple[UUID, *tuple[object, ...]]  # _ACCEPT's columns, the id first


class Intake:
    """The door of a process through which every order comes in."""

    def __init__(self, database: Database, *, lanes: int = 2) -> None:
        self._database = database
        self._shared = Coalescer(self._accept_shared, max_batch=MAX_SHARED_COMMIT, lanes=lanes)

    async def submit(self, order: Order) -> Accepted:
        """Accept ``order`` durably; answers once it is on disk.

        Raises the GiroError that refuses it (AccountNotFound, InsufficientFunds, …),
        IdempotencyKeyReused, DatabaseUnavailable where nothing was accepted, or OutcomeUnknown
        where the database was lost for good during the commit itself.
        """
        return await self._shared.submit(order)

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
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if attempt > 1:
                    known |= await self._read_back(orders)
                rest = [order for order in orders if order.id not in known]
                async with self._database.raw_connection() as connection:
                    results = await accept(connection, rest, unsure)
                fresh = zip(rest, results, strict=True)
                known |= {order.id: _certain(order, result, unsure) for order, result in fresh}
                return [known[order.id] for order in orders]
            except Exception as error:
                if not (is_retryable(error) or constraint_name(error) == OWN_ID):
                    raise
                if attempt == ATTEMPTS or isinstance(error, Overloaded) or is_out_of_time(error):
                    if not (known or unsure):
                        raise _refusal(error) from error
                    return [known.get(order.id) or _lost(order, unsure) for order in orders]
                told = describe(error)
                log.warning("intake_again", attempt=attempt, error=told, orders=len(orders))
                await asyncio.sleep(0.05 * attempt)
        raise AssertionError("the last attempt returns or raises")

    async def _read_back(self, orders: Sequence[Order]) -> dict[UUID, Result]:
        async with self._database.raw_connection() as connection:
            rows = await connection.fetch(
                "SELECT id, status, payment_ref FROM transactions WHERE id = ANY($1::uuid[])",
                [order.id for order in orders],
            )
        return {
            row["id"]: Accepted(row["id"], row["status"], payment_ref=row["payment_ref"])
            for row in rows
        }


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


async def accept(
    connection: Connection, orders: Sequence[Order], unsure: set[UUID] | None = None
) -> list[Result]:
    """Check and insert ``orders`` on ``connection``: in its transaction, or each statement alone.

    One result per order, in order: accepted, replayed, or the error that refuses it. Where each
    statement is alone, ``unsure`` gets the ids of rows whose insert was sent and never answered.
    """
    with stage("find_replays"):
        results: dict[UUID, Result] = await replays(connection, orders)
    fresh = [order for order in orders if order.id not in results]
    with stage("find_accounts"):
        directory = await _directory(connection, fresh)
    with stage("check"):
        checked = _check_all(fresh, directory, results)
        checked = await _refuse_short(connection, checked, results)
        checked = _one_per_key(checked)
    if checked:
        with stage("commit_pending"):
            results |= await _insert(connection, [_row(item) for item in checked], unsure)
    # Another request may have won a key while its twin was under way here, and changed what the
    # twin was then refused for: a replay is one whatever has become of its ground.
    others = [order for order in orders if not isinstance(results.get(order.id), Accepted)]
    results |= await replays(connection, others)
    return [results[order.id] for order in orders]


async def replays(connection: Connection, orders: Sequence[Order]) -> dict[UUID, Result]:
    """The answers of the orders whose idempotency key has been used before, by order id."""
    keyed = [(order, order.idempotency) for order in orders if order.idempotency]
    if not keyed:
        return {}
    rows = await connection.fetch(
        _FIND_KEYS, [key.owner_id for _, key in keyed], [key.key for _, key in keyed]
    )
    used = {Idempotency(row["owner_id"], row["key"]): row for row in rows}
    answers: dict[UUID, Result] = {}
    for order, key in keyed:
        row = used.get(key)
        if row is None:
            continue
        if row["fingerprint"] != order.fingerprint() or row["status"] is None:
            answers[order.id] = IdempotencyKeyReused()
        else:
            answers[order.id] = Accepted(
                row["resource_id"], row["status"], replayed=True, payment_ref=row["payment_ref"]
            )
    return answers


async def _directory(connection: Connection, orders: Sequence[Order]) -> Directory:
    ids, numbers, owners = set(), set(), set()
    for order in orders:
        for party in (order.debit, order.credit):
            if party is None:
                continue
            if party.name is None:
                owners.add(party.owner_id)
            elif (account_id := party.account_id) is not None:
                ids.add(account_id)
            elif is_account_number(party.name):
                numbers.add(party.name)
    if not (ids or numbers or owners):
        return Directory(())
    rows = await connection.fetch(_FIND_PARTIES, list(ids), list(numbers), list(owners))
    return Directory(PartyAccount(*row) for row in rows)


def _check_all(
    orders: Sequence[Order], directory: Directory, results: dict[UUID, Result]
) -> list[Checked]:
    passed = []
    for order in orders:
        try:
            passed.append(check(order, directory))
        except GiroError as refusal:
            results[order.id] = refusal
    return passed


async def _refuse_short(
    connection: Connection, checked: Sequence[Checked], results: dict[UUID, Result]
) -> list[Checked]:
    """Drop what even pending credits cannot cover; a rare look, made only for short payers."""
    payers = {item.debit_account_id for item in checked if item.short}
    if not payers:
        return list(checked)
    rows = await connection.fetch(_REACHABLE, list(payers))
    reachable = defaultdict(int, {row["id"]: row["reachable_minor"] for row in rows})
    passed = []
    for item in checked:  # in order: a credit earlier in this very batch counts, too
        try:
            if item.short and item.debit_account_id is not None:
                refuse_short(item, reachable[item.debit_account_id])
            passed.append(item)
        except GiroError as refusal:
            results[item.order.id] = refusal
            continue
        if item.credit_account_id in reachable:
            reachable[item.credit_account_id] += item.amount_minor
    return passed


def _one_per_key(checked: Sequence[Checked]) -> list[Checked]:
    """The first order of each idempotency key; the others will find the key used."""
    seen: set[Idempotency] = set()
    first = []
    for item in checked:
        key = item.order.idempotency
        if key is not None:
            if key in seen:
                continue
            seen.add(key)
        first.append(item)
    return first


async def accept_own(connection: Connection, orders: Sequence[BankOrder]) -> None:
    """Insert ``orders``, unchecked, in the transaction that is open on ``connection``."""
    if orders:
        await _insert(connection, [_row_of_own(order) for order in orders])


async def _insert(
    connection: Connection, rows: Sequence[Row], unsure: set[UUID] | None = None
) -> dict[UUID, Accepted]:
    """Insert the rows in order; answers those that are in, by their ids."""
    try:
        accepted = await connection.fetch(_ACCEPT, *zip(*rows, strict=True), clock.now())
    except Exception as error:
        if unsure is not None and is_connection_loss(error):
            unsure.update(row[0] for row in rows)
        raise
    return {
        row_id: Accepted(row_id, "pending", payment_ref=payment_ref)
        for row_id, payment_ref in accepted
    }


def _row(item: Checked) -> Row:
    order, key = item.order, item.order.idempotency
    return (
        order.id,
        order.type,
        item.amount_minor,
        item.currency,
        item.debit_account_id,
        item.credit_account_id,
        order.contra_code,
        order.initiated_by,
        order.description,
        order.reference,
        encode(order.details),
        order.reverses,
        order.batch_id,
        order.request_id,
        key.owner_id if key else None,
        key.key if key else None,
        order.fingerprint() if key else None,
    )


def _row_of_own(order: BankOrder) -> Row:
    return (
        order.id,
        order.type,
        order.amount_minor,
        order.currency,
        order.debit_account_id,
        order.credit_account_id,
        order.contra_code,
        order.initiated_by,
        order.description,
        None,
        encode(order.details),
        None,
        None,
        order.request_id,
        None,
        None,
        None,
    )
