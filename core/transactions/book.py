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
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from core.foundation.database import Connection
from core.foundation.metrics import stage
from core.transactions.claim import Claim
from core.transactions.decide import AccountState, Movement, Outcome, Rule, decide
from core.transactions.kinds import Kinds, RowsHeld

# NO KEY UPDATE: as strong among ourselves, and it lets foreign keys to the account be checked.
_LOCK_ACCOUNTS = """
SELECT id, currency, status, balance_minor, overdraft_limit_minor, last_booked_at FROM accounts
WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""
_LOCK_FREE_ACCOUNTS = f"{_LOCK_ACCOUNTS} SKIP LOCKED"
_PENDING = """
SELECT id, seq, type, amount_minor, currency, debit_account_id, credit_account_id, contra_code,
       created_at, details::text AS details, request_id
FROM transactions WHERE status = 'pending' AND seq <= $1 ORDER BY seq
"""
_BALANCES = """
UPDATE accounts a SET balance_minor = b.balance_minor, last_booked_at = $3
FROM unnest($1::uuid[], $2::bigint[]) AS b (id, balance_minor) WHERE a.id = b.id
"""
# ``status || ''`` keeps the planner from the index of the pending ones. They are few by its
# statistics and 60,000 in a backlog: every batch would read them all, at twice the server's work.
_SUCCEED = """
UPDATE transactions SET status = 'success', settled_at = $2
WHERE id = ANY($1::uuid[]) AND status || '' = 'pending'
"""
_AMEND = """
UPDATE transactions t SET amount_minor = a.amount_minor
FROM unnest($1::uuid[], $2::bigint[]) AS a (id, amount_minor)
WHERE t.id = a.id AND t.status || '' = 'pending'
"""
_FAIL = """
UPDATE transactions t SET status = 'failed', settled_at = $4,
       failure_code = f.code, failure_reason = f.reason
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS f (id, code, reason)
WHERE t.id = f.id AND t.status || '' = 'pending'
"""
# In order: ``entry_no`` numbers an account's postings as they follow from each other.
_POST = """
INSERT INTO postings (transaction_id, leg, account_id, ledger_code, amount_minor, currency,
                      balance_after_minor, booked_at)
SELECT transaction_id, leg, account_id, ledger_code, amount_minor, currency, balance_after_minor, $8
FROM unnest($1::uuid[], $2::smallint[], $3::uuid[], $4::text[], $5::bigint[], $6::text[],
            $7::bigint[]) WITH ORDINALITY
  AS p (transaction_id, leg, account_id, ledger_code, amount_minor, currency, balance_after_minor,
        place)
ORDER BY place
"""


# The places of _PENDING's columns are those of Movement's fields.
_ID, _TYPE, _DEBIT, _CREDIT, _DETAILS = map(
    Movement._fields.index, ("id", "type", "debit_account_id", "credit_account_id", "details")
)


class Booked(NamedTuple):
    """What a unit of work did: outcomes in order of acceptance, accounts that others held."""

    outcomes: Sequence[Outcome]
    held_elsewhere: Collection[UUID]


class LostRace(Exception):  # noqa: N818 - an event between workers, not an error
    """Another worker settled one of the rows first; the unit of work rolls back and runs again."""


async def book(
    connection: Connection,
    claim: Claim,
    kinds: Kinds,
    *,
    only: Collection[UUID] | None = None,
    in_line: bool = False,
) -> Booked:
    """Settle what ``claim`` took, inside the transaction open on ``connection``.

    ``only`` narrows it to some transactions, to isolate one that breaks its batch. ``in_line``
    waits for accounts that others hold, as long as the transaction's bounds allow. Whatever is
    raised, nothing was changed once the transaction has rolled back.
    """
    lock = _LOCK_ACCOUNTS if in_line else _LOCK_FREE_ACCOUNTS
    with stage("lock_rows"):
        rows = await connection.fetch(lock, list(claim.accounts))
    accounts = {row["id"]: AccountState(*row) for row in rows}
    with stage("read_pending"):
        pending = await connection.fetch(_PENDING, claim.last_seq)
    movements, rules, waiting = await _prepare(connection, kinds, pending, accounts, only)
    held = waiting | (claim.accounts - accounts.keys())
    if not movements:
        return Booked((), held)
    with stage("decide"):
        outcomes = decide(movements, accounts, rules)
    now = await connection.fetchval("SELECT clock_timestamp()")
    await _write(connection, outcomes, _by_instant(outcomes, accounts, now), now)
    with stage("write_balances"):
        await _write_balances(connection, accounts.values())
    await _apply_effects(connection, kinds, outcomes)
    return Booked(outcomes, held)


async def _prepare(
    connection: Connection,
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
            return movements, await _load_rules(connection, kinds, movements), waiting
        except RowsHeld as others:
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
    connection: Connection, kinds: Kinds, movements: Sequence[Movement]
) -> dict[str, Rule]:
    by_type: dict[str, list[Movement]] = defaultdict(list)
    for movement in movements:
        by_type[movement.type].append(movement)
    return {
        kind: await kinds.of(kind).load(connection, of_kind) for kind, of_kind in by_type.items()
    }


def _by_instant(
    outcomes: Sequence[Outcome], accounts: Mapping[UUID, AccountState], now: datetime
) -> dict[datetime, list[Outcome]]:
    """What succeeded, by the instant at which it is booked, in order; the accounts end with theirs.

    That is now for all of it, unless the clock was set back: an account's postings never are.
    """
    succeeded = [outcome for outcome in outcomes if outcome.failure is None]
    moved = [account for account in accounts.values() if account.moved]
    if all(account.last_booked_at <= now for account in moved):
        for account in moved:
            account.last_booked_at = now
        return {now: succeeded} if succeeded else {}
    by_instant: dict[datetime, list[Outcome]] = defaultdict(list)
    for outcome in succeeded:
        touched = [accounts[leg.account_id] for leg in outcome.legs if leg.account_id is not None]
        instant = max([now, *(account.last_booked_at for account in touched)])
        for account in touched:
            account.last_booked_at = instant
        by_instant[instant].append(outcome)
    return dict(sorted(by_instant.items()))


async def _write(
    connection: Connection,
    outcomes: Sequence[Outcome],
    succeeded: Mapping[datetime, Sequence[Outcome]],
    now: datetime,
) -> None:
    """Write the postings and the final states."""
    with stage("write_states"):
        for instant, some in succeeded.items():
            await _amend(connection, some)
            _expect(
                await connection.execute(_SUCCEED, [o.movement.id for o in some], instant),
                len(some),
            )
        failed = [(o.movement.id, o.failure) for o in outcomes if o.failure is not None]
        if failed:
            _expect(
                await connection.execute(
                    _FAIL,
                    [movement_id for movement_id, _ in failed],
                    [failure.code for _, failure in failed],
                    [failure.detail for _, failure in failed],
                    now,
                ),
                len(failed),
            )
    with stage("write_postings"):
        for instant, some in succeeded.items():
            postings = [
                (o.movement.id, number, account_id, ledger_code, amount_minor,
                 o.movement.currency, balance_after_minor)
                for o in some
                for number, (account_id, ledger_code, amount_minor, balance_after_minor)
                in enumerate(o.legs)
            ]  # fmt: skip
            await connection.execute(_POST, *zip(*postings, strict=True), instant)


async def _write_balances(connection: Connection, accounts: Iterable[AccountState]) -> None:
    by_instant: dict[datetime, list[AccountState]] = defaultdict(list)
    for account in accounts:
        if account.moved:
            by_instant[account.last_booked_at].append(account)
    for instant, some in by_instant.items():
        await connection.execute(
            _BALANCES, [a.id for a in some], [a.balance_minor for a in some], instant
        )


async def _amend(connection: Connection, succeeded: Sequence[Outcome]) -> None:
    """Record what moved where a rule moved another amount than was asked (a partial collection)."""
    amended = [
        (o.movement.id, o.amount_minor)
        for o in succeeded
        if o.amount_minor != o.movement.amount_minor
    ]
    if amended:
        await connection.execute(_AMEND, [i for i, _ in amended], [amount for _, amount in amended])


def _expect(command_tag: str, rows: int) -> None:
    changed = int(command_tag.rpartition(" ")[2])
    if changed != rows:
        raise LostRace(f"{changed} of {rows} transactions were still pending")


async def _apply_effects(connection: Connection, kinds: Kinds, outcomes: Sequence[Outcome]) -> None:
    by_type: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_type[outcome.movement.type].append(outcome)
    for kind, of_kind in by_type.items():
        await kinds.of(kind).apply(connection, of_kind)
