"""Customers and accounts for the load, set-based; their money comes in through the engine."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
from schwifty import IBAN

from core.foundation import clock
from core.foundation.config import Settings
from core.foundation.ids import new_id
from core.identity.passwords import Passwords
from core.ledger.chart import LedgerCode
from core.ledger.numbers import check_digit
from core.transactions.kinds import TransactionType

Connection = asyncpg.Connection
OPENING_MINOR = 1_000_000_000
# The load's customers log in often; their hashes shall not be what is measured.
BCRYPT_ROUNDS = 4
FIRST_SERIAL = 900_000_000


@dataclass(frozen=True)
class Customer:
    """A customer of the load."""

    id: UUID
    email: str
    password: str


@dataclass(frozen=True)
class Account:
    """An account of the load."""

    id: UUID
    number: str
    owner: Customer


async def customers(connection: "Connection[asyncpg.Record]", count: int) -> list[Customer]:
    """Customers that share one password hash, since hashing is not the subject."""
    password = secrets.token_urlsafe(16)
    passwords = Passwords(rounds=BCRYPT_ROUNDS)
    try:
        password_hash = await passwords.hash(password)
    finally:
        passwords.close()
    made = [Customer(new_id(), f"load{n}@example.com", password) for n in range(count)]
    await connection.copy_records_to_table(
        "users",
        records=[(c.id, c.email, password_hash, clock.now()) for c in made],
        columns=["id", "email", "password_hash", "created_at"],
    )
    return made


async def accounts(
    connection: "Connection[asyncpg.Record]",
    owners: Sequence[Customer],
    count: int,
    settings: Settings,
) -> list[Account]:
    """Empty accounts in the default currency, dealt out to the owners in turn."""
    made = []
    rows = []
    for number in range(count):
        owner = owners[number % len(owners)]
        serial = str(FIRST_SERIAL + number)
        account = Account(new_id(), serial + check_digit(serial), owner)
        iban = IBAN.generate(
            settings.bank_country, bank_code=settings.bank_code, account_code=account.number
        )
        made.append(account)
        rows.append(
            (
                *(account.id, owner.id, account.number, str(iban), settings.default_currency),
                *(number < len(owners), clock.now()),
            )
        )
    await connection.copy_records_to_table(
        "accounts",
        records=rows,
        columns=[
            "id",
            "owner_id",
            "account_number",
            "iban",
            "currency",
            "is_primary",
            "created_at",
        ],
    )
    return made


async def pending_deposits(
    connection: "Connection[asyncpg.Record]", to: Sequence[Account], settings: Settings
) -> None:
    """One pending opening deposit for each account, to be settled by whoever settles."""
    now = clock.now()
    await connection.copy_records_to_table(
        "transactions",
        records=[
            (
                *(new_id(), TransactionType.DEPOSIT.value, OPENING_MINOR),
                *(settings.default_currency, account.id, LedgerCode.CASH.value, now),
            )
            for account in to
        ],
        columns=[
            *("id", "type", "amount_minor", "currency"),
            *("credit_account_id", "contra_code", "created_at"),
        ],
    )


async def pending_transfers(
    connection: "Connection[asyncpg.Record]",
    pairs: Sequence[tuple[Account, Account]],
    settings: Settings,
) -> None:
    """Pending transfers of one minor unit, in order."""
    now = clock.now()
    await connection.copy_records_to_table(
        "transactions",
        records=[
            (
                *(new_id(), TransactionType.TRANSFER.value, 1, settings.default_currency),
                *(payer.id, payee.id, payer.owner.id, now),
            )
            for payer, payee in pairs
        ],
        columns=[
            *("id", "type", "amount_minor", "currency"),
            *("debit_account_id", "credit_account_id", "initiated_by", "created_at"),
        ],
    )
