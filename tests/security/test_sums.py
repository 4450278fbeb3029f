"""Sums of a report are whole and exact, whatever their size: no bigint holds the largest."""

from collections.abc import AsyncIterator
from datetime import date, timedelta

import asyncpg
import pytest_asyncio

from api.http.responses import encode
from core.foundation import clock
from core.foundation.config import Settings
from core.foundation.database import Connection
from core.foundation.money import to_major
from core.ledger.trial_balance import trial_balance
from core.lending.servicing.portfolio import portfolio
from core.reporting import counters
from tests import servers as testing

LARGEST = 2**63 - 1
TODAY = date(2026, 11, 21)


@pytest_asyncio.fixture
async def books(quiet_settings: Settings) -> AsyncIterator[Connection]:
    """The quiet bank's books with rows as large as they can be, for one unit of work."""
    name = quiet_settings.database_url.rpartition("/")[2].partition("?")[0]
    connection = await asyncpg.connect(testing.servers().superuser_url(name))
    transaction = connection.transaction()
    await transaction.start()
    for table in ("transactions", "loans", "loan_instalments", "accounts"):
        # In their place for this session, without the rules that other columns must follow.
        await connection.execute(f"CREATE TEMP TABLE {table} AS SELECT * FROM {table} LIMIT 0")
    yield connection
    await transaction.rollback()
    await connection.close()


async def test_a_days_volume_may_be_larger_than_any_amount(books: Connection) -> None:
    now = clock.now()
    await books.executemany(
        "INSERT INTO transactions (type, currency, status, created_at, amount_minor) "
        "VALUES ('deposit', 'EUR', 'success', $1, $2)",
        [(now, LARGEST)] * 3,
    )
    day = timedelta(days=1)
    (row,) = await counters.volumes(books, since=now - day, until=now + day)
    assert row["volume_minor"] == 3 * LARGEST
    assert encode(to_major(row["volume_minor"], "EUR")) == b"276701161105643274.21"


async def test_a_portfolio_may_be_larger_than_any_loan(books: Connection) -> None:
    await books.executemany(
        "INSERT INTO loans (id, status, currency, principal_outstanding_minor, dpd, "
        "classification, in_default) VALUES ($1, 'active', 'EUR', $2, 91, 'npa', true)",
        [(f"00000000-0000-7000-8000-00000000000{n}", LARGEST) for n in range(2)],
    )
    quarter = LARGEST // 4
    await books.executemany(
        "INSERT INTO loan_instalments (loan_id, due_date, principal_minor, interest_minor, "
        "fee_minor, penalty_minor, principal_paid_minor, interest_paid_minor, fee_paid_minor, "
        "penalty_paid_minor, unpaid_minor) VALUES ($1, $2, $3, $3, $3, $3, $3, $3, $3, $3, $4)",
        [
            (f"00000000-0000-7000-8000-00000000000{n}", TODAY - timedelta(days=1), quarter, LARGEST)
            for n in range(2)
        ],
    )
    found = await portfolio(books, since=TODAY - timedelta(days=9), until=TODAY, today=TODAY)
    (euros,) = found["portfolio"]
    assert euros["outstanding_principal"] == to_major(2 * LARGEST, "EUR")
    assert (euros["par_90"], euros["npa_amount"]) == (1, to_major(2 * LARGEST, "EUR"))
    assert found["by_day"][0]["due"] == to_major(8 * quarter, "EUR")
    encode(found)


async def test_the_trial_balance_may_be_larger_than_any_account(books: Connection) -> None:
    await books.executemany(
        "INSERT INTO accounts (currency, balance_minor) VALUES ('CLF', $1)", [(LARGEST,)] * 3
    )
    balance = await trial_balance(books)
    (row,) = [row for row in balance.rows if row.currency == "CLF"]
    assert row.credit_minor == 3 * LARGEST
