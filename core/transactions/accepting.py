"""Checking orders and inserting them as pending, on a connection: what intake does each time.

The keys are looked up, the directory of accounts is read once, each order is checked by itself, and
those that pass are inserted by a single statement.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from core.foundation import clock
from core.foundation.database import Connection
from core.foundation.errors import GiroError
from core.foundation.metrics import stage
from core.foundation.sqlstates import is_connection_loss
from core.ledger.directory import available_on, find_accounts
from core.ledger.numbers import is_account_number
from core.transactions.check import Checked, Directory, check, refuse_short
from core.transactions.details import encode
from core.transactions.keys import replays
from core.transactions.orders import Accepted, BankOrder, Idempotency, Order, Result

# What may come can be more than any amount: whoever sends the same money to and fro has it counted
# each time, until the first of it is settled.
_PENDING_CREDITS = """
SELECT credit_account_id, sum(amount_minor) FROM transactions
WHERE status = 'pending' AND credit_account_id = ANY($1::uuid[]) GROUP BY credit_account_id
"""

# One statement, one transaction. ``WITH ORDINALITY`` numbers the rows in the order in which they
# were submitted. A payment gets its reference here; refused ones take none.
_ASKED = """
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
)"""
_AS_PENDING = """transactions (
  id, type, amount_minor, currency, debit_account_id, credit_account_id, contra_code,
  initiated_by, description, reference, payment_ref, details, reverses, batch_id, request_id,
  created_at
)
SELECT id, type, amount_minor, currency, debit_account_id, credit_account_id, contra_code,
  initiated_by, description, reference,
  CASE WHEN type = 'payment' THEN 'payment' || nextval('payment_ref_seq') END,
  details, reverses, batch_id, request_id, $18
FROM asked
"""
_ACCEPT = f"{_ASKED} INSERT INTO {_AS_PENDING} ORDER BY place RETURNING id, payment_ref"
# A row with a key goes in only where this statement won the key. Without any the keys are not
# touched: the worker's role, which has none to win, may not.
_ACCEPT_KEYED = f"""{_ASKED}, won AS (
  INSERT INTO idempotency_keys (owner_id, key, fingerprint, resource_id, created_at)
  SELECT key_owner_id, key, fingerprint, id, $18 FROM asked WHERE key IS NOT NULL
  ORDER BY key_owner_id, key
  ON CONFLICT DO NOTHING
  RETURNING resource_id
)
INSERT INTO {_AS_PENDING}
WHERE key IS NULL OR id IN (SELECT resource_id FROM won)
ORDER BY place
RETURNING id, payment_ref
"""  # noqa: S608 - of this file

Row = tuple[UUID, *tuple[object, ...]]  # what is asked, in the order above
_KEY = 15


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


async def _directory(connection: Connection, orders: Sequence[Order]) -> Directory:
    ids, numbers, owners = set(), set(), set()
    for order in orders:
        for party in (order.debit, order.credit):
            if party is None:
                continue
            if party.name is None:
                if party.owner_id is not None:
                    owners.add(party.owner_id)
            elif (account_id := party.account_id) is not None:
                ids.add(account_id)
            elif is_account_number(party.name):
                numbers.add(party.name)
    if not (ids or numbers or owners):
        return Directory(())
    return Directory(await find_accounts(connection, ids=ids, numbers=numbers, primary_of=owners))


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
    payers = {item.debit_account_id for item in checked if item.short and item.debit_account_id}
    if not payers:
        return list(checked)
    reachable = await _reachable(connection, payers)
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


async def _reachable(connection: Connection, payers: Collection[UUID]) -> dict[UUID, int]:
    """What each payer could spend at most, with all that is pending to it, in minor units.

    The credits are read first: one that settles in between is counted twice and not missed, and
    who is let in by that is refused at settlement.
    """
    coming = dict(map(tuple, await connection.fetch(_PENDING_CREDITS, list(payers))))
    available = await available_on(connection, payers)
    return {payer: available.get(payer, 0) + int(coming.get(payer, 0)) for payer in payers}


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
    statement = _ACCEPT_KEYED if any(row[_KEY] is not None for row in rows) else _ACCEPT
    try:
        accepted = await connection.fetch(statement, *zip(*rows, strict=True), clock.now())
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
