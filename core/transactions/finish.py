"""The one end of a transaction, whichever way it ends: final states are written here alone.

Every change of state is guarded: only what is pending changes.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

from core.foundation import clock, metrics
from core.foundation.database import Connection, UnitOfWork
from core.foundation.errors import Internal
from core.foundation.logging import describe, get_logger, log_each
from core.foundation.metrics import stage
from core.foundation.sqlstates import is_retryable, was_held_up
from core.ledger import posting
from core.ledger.balances import Accounts, Leg
from core.ledger.moment import Moment, read_moment
from core.ledger.posting import Dated, Voucher
from core.transactions.decide import Movement, Outcome
from core.transactions.kinds import Kinds
from core.transactions.waiting import Announcer

log = get_logger(__name__)

# Timing every transaction of a large batch would cost more than deciding it.
TIMED_PER_BATCH: Final = 20

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
_RECORD = """
INSERT INTO transactions
  (id, type, status, amount_minor, currency, credit_account_id, contra_code, initiated_by,
   description, details, request_id, created_at, settled_at)
SELECT id, type, 'success', amount_minor, currency, credit_account_id, contra_code, initiated_by,
       description, details, request_id, $11, $11
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::uuid[], $6::text[], $7::uuid[],
            $8::text[], $9::jsonb[], $10::text[]) WITH ORDINALITY
  AS f (id, type, amount_minor, currency, credit_account_id, contra_code, initiated_by, description,
        details, request_id, place)
ORDER BY place
"""


class Recorded(NamedTuple):
    """A transaction that is booked as it is recorded: nothing about it has to be decided.

    ``legs`` on customers' accounts carry the balance after them; ``details`` is JSON.
    """

    id: UUID
    type: str
    amount_minor: int
    currency: str
    legs: Sequence[Leg]
    accounting_date: date
    credit_account_id: UUID | None = None
    contra_code: str | None = None
    initiated_by: UUID | None = None
    description: str | None = None
    details: str | None = None
    request_id: str | None = None


class LostRace(Exception):  # noqa: N818 - an event between workers, not an error
    """Another worker settled one of the rows first; the unit of work rolls back and runs again."""


class Finisher:
    """How pending transactions end in this process: with their kinds' effects, and who is told.

    Who waits for a transaction is told by ``tell``, of nothing that has not been committed. Lanes
    of a worker that share a finisher share what is untold: one may tell what another is unlocking.
    """

    def __init__(self, kinds: Kinds, announcer: Announcer, *, time_zone: str) -> None:
        self._kinds = kinds
        self._announcer = announcer
        self._time_zone = time_zone
        self._untold: list[Sequence[Outcome]] = []

    async def end(self, unit: UnitOfWork, outcomes: Sequence[Outcome], accounts: Accounts) -> None:
        """Write how these ended: states, postings, balances, and their kinds' effects.

        ``accounts`` are locked, and stand as the outcomes have left them. Raises LostRace.
        """
        connection = unit.connection
        moment = await read_moment(connection)
        succeeded = [outcome for outcome in outcomes if outcome.failure is None]
        entries = _vouchers(succeeded, moment, moment.business_date(self._time_zone))
        dated = posting.date(entries, accounts, moment.now)
        with stage("write_states"):
            await _amend(connection, succeeded)
            await _succeed(connection, dated)
            await _fail(connection, [o for o in outcomes if o.failure is not None], moment.now)
        await posting.post(connection, dated, accounts.values())
        await self._apply_effects(unit, outcomes)
        unit.once_committed(partial(self._note, outcomes))

    async def set_aside(self, unit: UnitOfWork, movement: Movement) -> None:
        """End a transaction that breaks its worker, as failed with the code ``internal``.

        Nothing was loaded for its kind's effect; where that is what breaks, it ends without.
        Raises LostRace, or what was in the way of the effect where it may be tried again.
        """
        outcome = Outcome(movement, failure=Internal())
        now = await unit.connection.fetchval("SELECT clock_timestamp()")
        await _fail(unit.connection, [outcome], now)
        try:
            async with unit.savepoint():
                await self._apply_effects(unit, [outcome])
        except Exception as error:
            if was_held_up(error) or is_retryable(error):
                raise
            log.critical("effect_lost", error=describe(error))
        unit.once_committed(partial(self._note, [outcome]))

    async def _apply_effects(self, unit: UnitOfWork, outcomes: Sequence[Outcome]) -> None:
        by_type: dict[str, list[Outcome]] = defaultdict(list)
        for outcome in outcomes:
            by_type[outcome.movement.type].append(outcome)
        for kind, of_kind in by_type.items():
            await self._kinds.of(kind).apply(unit, of_kind)

    async def _note(self, outcomes: Sequence[Outcome]) -> None:
        self._untold.append(outcomes)

    async def tell(self) -> None:
        """Count, log and announce what has ended since: as a rule, once it is unlocked."""
        untold, self._untold = self._untold, []
        for outcomes in untold:
            _count(outcomes)
            with stage("log"):
                _log(outcomes)
            with stage("announce"):
                await self._announcer.announce([outcome.movement.id for outcome in outcomes])


async def record(connection: Connection, finals: Sequence[Recorded], booked_at: datetime) -> None:
    """Write transactions that are final from the start, with their postings, in order.

    Nobody has been told of them before, so nobody waits for them. What an account is opened with is
    in its balance already (see ``core.ledger.accounts``).
    """
    if not finals:
        return
    columns = zip(*(final[:4] + final[6:] for final in finals), strict=True)
    await connection.execute(_RECORD, *columns, booked_at)
    entries = [Voucher(final.id, final.legs, final.accounting_date) for final in finals]
    await posting.post(connection, {booked_at: entries})


def _vouchers(succeeded: Sequence[Outcome], moment: Moment, business_date: date) -> list[Voucher]:
    """What is posted of these: as of their value date, or else as of the bank's business date."""
    today = moment.accounting_date(business_date)
    return [
        Voucher(
            movement.id,
            legs,
            moment.accounting_date(movement.value_date) if movement.value_date else today,
        )
        for movement, legs, _ in succeeded
    ]


async def _amend(connection: Connection, succeeded: Sequence[Outcome]) -> None:
    """Record what moved where a rule moved another amount than was asked (a partial collection)."""
    amended = [
        (outcome.movement.id, outcome.amount_minor)
        for outcome in succeeded
        if outcome.amount_minor != outcome.movement.amount_minor
    ]
    if amended:
        await connection.execute(_AMEND, *zip(*amended, strict=True))


async def _succeed(connection: Connection, dated: Dated) -> None:
    for instant, entries in dated.items():
        ids = [entry.transaction_id for entry in entries]
        _expect(await connection.execute(_SUCCEED, ids, instant), len(ids))


async def _fail(connection: Connection, failed: Sequence[Outcome], now: datetime) -> None:
    rows = [(o.movement.id, o.failure.code, o.failure.detail) for o in failed if o.failure]
    if rows:
        _expect(await connection.execute(_FAIL, *zip(*rows, strict=True), now), len(rows))


def _expect(command_tag: str, rows: int) -> None:
    changed = int(command_tag.rpartition(" ")[2])
    if changed != rows:
        raise LostRace(f"{changed} of {rows} transactions were still pending")


def _count(outcomes: Sequence[Outcome]) -> None:
    metrics.batch_size.observe(len(outcomes))
    settled_at = clock.now()
    for outcome in outcomes[:: len(outcomes) // TIMED_PER_BATCH + 1]:
        waited = settled_at - outcome.movement.created_at
        metrics.time_to_final.observe(waited.total_seconds())
    ends = Counter((o.movement.type, o.failure.code if o.failure else None) for o in outcomes)
    for (kind, code), count in ends.items():
        if code is None:
            metrics.settled.labels(kind).inc(count)
        else:
            metrics.failed.labels(kind, code).inc(count)


def _log(outcomes: Sequence[Outcome]) -> None:
    """A line for each transaction, to be found by its id or by that of the request behind it."""
    log_each(
        log,
        "transaction_final",
        (
            {
                "transaction_id": str(movement.id),
                "request_id": movement.request_id,
                "type": movement.type,
                "failure_code": failure.code if failure else None,
            }
            for movement, _, failure in outcomes
        ),
    )
