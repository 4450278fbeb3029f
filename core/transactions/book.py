"""One unit of work: lock the accounts, decide, write postings, balances and final states.

PostgreSQL is the authority here. The rows to settle are read again after the account rows are
locked, so that neither a lost Redis lock nor a stale claim can settle anything twice or out of
order; every change of state is guarded: only what is pending changes.

It waits for nobody, unless told to. An account whose row somebody else holds is left out of the
unit of work, with everything that has to wait behind it. Nor does the server ever wait for what
this process has to send in the middle of a statement, as it does during a COPY, where no limit of
time ends one that hangs; until it has read an answer, no longer than ``UNREAD_SECONDS``.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from core.foundation.database import UnitOfWork
from core.foundation.metrics import stage
from core.ledger import posting
from core.transactions.claim import Claim
from core.transactions.decide import Movement, Rule, decide
from core.transactions.details import UnknownDetails
from core.transactions.finish import Finisher
from core.transactions.kinds import Kinds, RowsLocked

_COLUMNS = """
id, seq, type, amount_minor, currency, debit_account_id, credit_account_id, contra_code, created_at,
details::text AS details, request_id
"""
_PENDING = f"""
SELECT {_COLUMNS} FROM transactions WHERE status = 'pending' AND seq <= $1 ORDER BY seq
"""  # noqa: S608 - columns of this file
_PENDING_ONE = f"""
SELECT {_COLUMNS} FROM transactions WHERE status = 'pending' AND id = $1
"""  # noqa: S608 - columns of this file

# The places of the columns are those of Movement's fields.
_ID, _TYPE, _DEBIT, _CREDIT, _DETAILS = map(
    Movement._fields.index, ("id", "type", "debit_account_id", "credit_account_id", "details")
)


class Booked(NamedTuple):
    """What a unit of work did: how many it brought to their end, and accounts that others held."""

    ended: int
    held_elsewhere: Collection[UUID]


async def book(
    unit: UnitOfWork,
    claim: Claim,
    kinds: Kinds,
    finisher: Finisher,
    *,
    only: Collection[UUID] | None = None,
    in_line: bool = False,
) -> Booked:
    """Settle what ``claim`` took, in ``unit``; the caller commits.

    ``only`` narrows it to some transactions, to isolate one that breaks its batch. ``in_line``
    waits for accounts that others hold, as long as the unit of work's bounds allow. Whatever is
    raised, nothing was changed once the unit of work has rolled back.
    """
    with stage("lock_rows"):
        accounts = await posting.lock(unit.connection, claim.accounts, in_line=in_line)
    with stage("read_pending"):
        pending = await unit.connection.fetch(_PENDING, claim.last_seq)
    movements, rules, waiting = await _prepare(unit, kinds, pending, accounts, only)
    held = waiting | (claim.accounts - accounts.keys())
    if not movements:
        return Booked(0, held)
    with stage("decide"):
        outcomes = decide(movements, accounts, rules)
    await finisher.end(unit, outcomes, accounts)
    return Booked(len(outcomes), held)


async def find_pending(unit: UnitOfWork, transaction_id: UUID, kinds: Kinds) -> Movement | None:
    """The pending transaction of this id, without its details where nobody can read them."""
    row = await unit.connection.fetchrow(_PENDING_ONE, transaction_id)
    if row is None:
        return None
    try:
        return _movement(row, kinds)
    except (UnknownDetails, KeyError):
        return Movement._make(row)._replace(details=None)


async def _prepare(
    unit: UnitOfWork,
    kinds: Kinds,
    pending: Sequence[Any],
    accounts: Collection[UUID],
    only: Collection[UUID] | None,
) -> tuple[list[Movement], dict[str, Rule], set[UUID]]:
    """What can be settled, the rules for it, and the accounts of what waits for rows of others."""
    held: set[UUID] = set()
    waiting: set[UUID] = set()
    while True:
        movements = _settleable(pending, accounts, only, held, kinds)
        try:
            return movements, await _load_rules(unit, kinds, movements), waiting
        except RowsLocked as others:
            held.update(others.movements)
            waiting.update(
                account
                for movement in movements
                if movement.id in held
                for account in (movement.debit_account_id, movement.credit_account_id)
                if account is not None
            )


def _settleable(
    pending: Sequence[Any],
    locked: Collection[UUID],
    only: Collection[UUID] | None,
    held: Collection[UUID],
    kinds: Kinds,
) -> list[Movement]:
    """Those whose accounts are all locked and not needed by an earlier one that stays behind."""
    open_sides = {None, *locked}
    taken = []
    for row in pending:  # many of them are other workers': only what is taken is made a Movement
        debit, credit = row[_DEBIT], row[_CREDIT]
        if (
            debit in open_sides
            and credit in open_sides
            and (only is None or row[_ID] in only)
            and row[_ID] not in held
        ):
            taken.append(_movement(row, kinds))
        else:
            open_sides -= {debit, credit} - {None}
    return taken


def _movement(row: Any, kinds: Kinds) -> Movement:
    """The row's movement, its details read as its kind writes them. Raises UnknownDetails."""
    if row[_DETAILS] is None:
        return Movement._make(row)
    columns = list(row)
    columns[_DETAILS] = kinds.details(row[_TYPE], row[_DETAILS])
    return Movement._make(columns)


async def _load_rules(
    unit: UnitOfWork, kinds: Kinds, movements: Sequence[Movement]
) -> dict[str, Rule]:
    by_type: dict[str, list[Movement]] = defaultdict(list)
    for movement in movements:
        by_type[movement.type].append(movement)
    return {kind: await kinds.of(kind).load(unit, of_kind) for kind, of_kind in by_type.items()}
