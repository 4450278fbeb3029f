"""What the database holds in the end, of one trial, as plain values for the checker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg

_LAST = """
SELECT coalesce((SELECT max(seq) FROM transactions), 0) AS seq,
       coalesce((SELECT max(entry_no) FROM postings), 0) AS entry_no
"""
_ROWS = """
SELECT t.id::text AS id, t.seq, t.type, t.status, t.failure_code, t.amount_minor,
       t.batch_id::text AS batch_id, debit.account_number AS debit, credit.account_number AS credit,
       CASE WHEN t.reverses IS NULL THEN t.reference ELSE 'reversal of ' || t.reverses END AS mark
FROM transactions t
LEFT JOIN accounts debit ON debit.id = t.debit_account_id
LEFT JOIN accounts credit ON credit.id = t.credit_account_id
WHERE t.seq > $1 ORDER BY t.seq
"""
_LEGS = """
SELECT p.transaction_id::text AS transaction_id, a.account_number AS account, p.entry_no,
       p.amount_minor, p.balance_after_minor
FROM postings p JOIN accounts a ON a.id = p.account_id
WHERE p.entry_no > $1 ORDER BY p.entry_no
"""
_KEYS = "SELECT key, resource_id::text AS id FROM idempotency_keys WHERE key LIKE $1"


@dataclass(frozen=True, slots=True)
class Row:
    """A transaction; ``mark`` is the client's own name for what it submitted, if it had one."""

    id: str
    seq: int
    type: str
    status: str
    failure_code: str | None
    amount_minor: int
    debit: str | None
    credit: str | None
    mark: str | None
    batch_id: str | None = None


@dataclass(frozen=True, slots=True)
class Leg:
    """A posting on a customer's account, numbered in the order of booking."""

    transaction_id: str
    account: str
    entry_no: int
    amount_minor: int
    balance_after_minor: int


@dataclass(frozen=True, slots=True)
class Books:
    """Everything accepted and booked since a bookmark. ``keys``: idempotency key to its id."""

    rows: Sequence[Row]
    legs: Sequence[Leg]
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Where the books ended when a trial began."""

    seq: int
    entry_no: int


async def bookmark(url: str) -> Bookmark:
    """Where the books end now. Nothing may be pending."""
    connection = await asyncpg.connect(url)
    try:
        (row,) = await connection.fetch(_LAST)
    finally:
        await connection.close()
    return Bookmark(**dict(row))


async def read_books(url: str, since: Bookmark, keys_like: str) -> Books:
    """The books since ``since``, in one snapshot; the keys that begin with ``keys_like``."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            rows = await connection.fetch(_ROWS, since.seq)
            legs = await connection.fetch(_LEGS, since.entry_no)
            keys = await connection.fetch(_KEYS, f"{keys_like}%")
    finally:
        await connection.close()
    return Books(
        [Row(**dict(row)) for row in rows],
        [Leg(**dict(leg)) for leg in legs],
        {key["key"]: key["id"] for key in keys},
    )


async def count_pending(url: str) -> int:
    """How many transactions are pending now."""
    connection = await asyncpg.connect(url, timeout=2)
    try:
        query = "SELECT count(*) FROM transactions WHERE status = 'pending'"
        count: int = await connection.fetchval(query, timeout=5)
    finally:
        await connection.close(timeout=2)
    return count
