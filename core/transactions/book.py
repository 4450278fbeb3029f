"""One unit of work: lock the accounts, decide, write postings, balances and final states.

PostgreSQL is the authority here. The rows to settle are read again after the account rows are
locked, so that neither a lost Redis lock nor a stale claim can settle anything twice or out of
order; ``status = 'pending'`` guards every change of state.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from core.database import Connection
from core.metrics import stage
from core.transactions.claim import Claim
from core.transactions.decide import AccountState, Movement, Outcome, Rule, decide
from core.transactions.kinds import Kinds

# NO KEY UPDATE: as strong among ourselves, and it lets foreign keys to the account be checked.
_LOCK_ACCOUNTS = """
SELECT id, currency, status, balance_minor, overdraft_limit_minor FROM accounts
WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""
_PENDING = """
SELECT id, seq, type, amount_minor, currency, debit_account_id, credit_account_id, contra_code,
       created_at, details, request_id
FROM transactions WHERE status = 'pending' AND seq <= $1 ORDER BY seq
"""
_BALANCES = """
UPDATE accounts a SET balance_minor = b.balance_minor
FROM unnest($1::uuid[], $2::bigint[]) AS b (id, balance_minor) WHERE a.id = b.id
"""
_SUCCEED = """
UPDATE transactions SET status = 'success', settled_at = $2
WHERE id = ANY($1::uuid[]) AND status = 'pending'
"""
_AMEND = """
UPDATE transactions t SET amount_minor = a.amount_minor
FROM unnest($1::uuid[], $2::bigint[]) AS a (id, amount_minor)
WHERE t.id = a.id AND t.status = 'pending'
"""
_FAIL = """
UPDATE transactions t SET status = 'failed', settled_at = $4,
       failure_code = f.code, failure_reason = f.reason
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS f (id, code, reason)
WHERE t.id = f.id AND t.status = 'pending'
"""
_POSTING_COLUMNS: Final = (
    "transaction_id", "leg", "account_id", "ledger_code", "amount_minor", "currency",
    "balance_after_minor", "booked_at",
)  # fmt: skip


# The places of _PENDING's columns are those of Movement's fields.
_ID, _DEBIT, _CREDIT = map(Movement._fields.index, ("id", "debit_account_id", "credit_account_id"))


class LostRace(Exception):  # noqa: N818 - an event between workers, not an error
    """Another worker settled one of the rows first; the unit of work rolls back and runs again."""


async def book(
    connection: Connection,
    claim: Claim,
    kinds: Kinds,
    *,
    only: Collection[UUID] | None = None,
) -> list[Outcome]:
    """Settle what ``claim`` took, inside the transaction open on ``connection``.

    ``only`` narrows it to some transactions, to isolate one that breaks its batch. Answers the
    outcomes in order of acceptance; whatever is raised, nothing was changed once the transaction
    has rolled back.
    """
    with stage("lock_rows"):
        rows = await connection.fetch(_LOCK_ACCOUNTS, list(claim.accounts))
    accounts = {row["id"]: AccountState(*row) for row in rows}
    with stage("read_pending"):
        pending = await connection.fetch(_PENDING, claim.last_seq)
        movements = _settleable(pending, accounts, only)
    if not movements:
        return []
    rules = await _load_rules(connection, kinds, movements)
    with stage("decide"):
        before = {account.id: account.balance_minor for account in accounts.values()}
        outcomes = decide(movements, accounts, rules)
    booked_at = await connection.fetchval("SELECT clock_timestamp()")
    await _write(connection, outcomes, booked_at)
    with stage("write_balances"):
        changed = [a for a in accounts.values() if a.balance_minor != before[a.id]]
        if changed:
            await connection.execute(
                _BALANCES, [a.id for a in changed], [a.balance_minor for a in changed]
            )
    await _apply_effects(connection, kinds, outcomes)
    return outcomes


def _settleable(
    pending: Sequence[Any], held: Collection[UUID], only: Collection[UUID] | None
) -> list[Movement]:
    """Those whose accounts are all held and not needed by an earlier one that stays behind."""
    open_sides = {None, *held}
    taken = []
    for row in pending:  # many of them are other workers': only what is taken is made a Movement
        debit, credit = row[_DEBIT], row[_CREDIT]
        if debit in open_sides and credit in open_sides and (only is None or row[_ID] in only):
            taken.append(Movement._make(row))
        else:
            open_sides -= {debit, credit} - {None}
    return taken


async def _load_rules(
    connection: Connection, kinds: Kinds, movements: Sequence[Movement]
) -> dict[str, Rule]:
    by_type: dict[str, list[Movement]] = defaultdict(list)
    for movement in movements:
        by_type[movement.type].append(movement)
    return {
        kind: await kinds.of(kind).load(connection, of_kind) for kind, of_kind in by_type.items()
    }


async def _write(connection: Connection, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Write the postings and the final states."""
    succeeded = [outcome for outcome in outcomes if outcome.failure is None]
    with stage("write_states"):
        await _amend(connection, succeeded)
        _expect(
            await connection.execute(_SUCCEED, [o.movement.id for o in succeeded], now),
            len(succeeded),
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
        if succeeded:
            await connection.copy_records_to_table(
                "postings",
                columns=_POSTING_COLUMNS,
                records=[
                    (o.movement.id, number, account_id, ledger_code, amount_minor,
                     o.movement.currency, balance_after_minor, now)
                    for o in succeeded
                    for number, (account_id, ledger_code, amount_minor, balance_after_minor)
                    in enumerate(o.legs)
                ],
            )  # fmt: skip


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
