"""The bank without its processes: nothing moves unless the test says so."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
from redis.asyncio import Redis

from core.foundation.cache import connect
from core.foundation.config import Settings
from core.foundation.database import Database
from core.foundation.ids import new_id
from core.foundation.locks import Locks
from core.transactions import orders
from core.transactions.intake import Intake
from core.transactions.kinds import Kinds
from core.transactions.orders import Accepted, Order, Party
from core.transactions.settle import Settler
from core.transactions.waiting import Announcer

_USER = """
INSERT INTO users (id, email, password_hash, role, status, created_at)
VALUES ($1, $2, 'x', 'customer', 'active', now())
"""
_ACCOUNT = """
INSERT INTO accounts (id, owner_id, account_number, iban, currency, created_at)
VALUES ($1, $2, $3, $3, $4, now())
"""
_OVERDRAFT = "UPDATE accounts SET overdraft_limit_minor = $2 WHERE id = $1"


class Silence:
    """A bell that nobody hears: the test settles by its own hand."""

    def ring(self, request_id: str | None = None) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Quiet:
    """A quiet database and the means to move money on it."""

    database: Database
    redis: "Redis"
    settings: Settings
    intake: Intake

    @classmethod
    @asynccontextmanager
    async def open(cls, database: Database, settings: Settings) -> AsyncIterator["Quiet"]:
        redis = connect(settings.redis_url)
        yield cls(database, redis, settings, Intake(database, Silence()))
        await redis.aclose()

    def settler(self, *, batch_size: int = 1_000, kinds: Kinds | None = None) -> Settler:
        """A worker's settler; several of them are several workers."""
        locks = Locks(self.redis, ttl_seconds=self.settings.account_lock_ttl_seconds)
        announcer = Announcer(self.redis)
        return Settler(
            self.database,
            locks,
            kinds or Kinds(),
            announcer,
            batch_size=batch_size,
            time_zone=self.settings.time_zone,
        )

    async def account(
        self, balance_minor: int = 0, *, overdraft_minor: int = 0, currency: str = "EUR"
    ) -> UUID:
        """A new customer's account that holds ``balance_minor``, paid in as cash."""
        owner, account = new_id(), new_id()
        number = secrets.token_hex(8)
        async with self.database.unit_of_work() as unit:
            await unit.connection.execute(_USER, owner, f"{number}@example.org")
            await unit.connection.execute(_ACCOUNT, account, owner, number, currency)
            await unit.connection.execute(_OVERDRAFT, account, overdraft_minor)
            await unit.commit()
        if balance_minor:
            await self.deposit(account, Decimal(balance_minor) / 100)
            await self.settler().drain()
        return account

    async def transfer(self, debit: UUID, credit: UUID, amount: Any, **fields: Any) -> Accepted:
        """Submit a transfer of ``amount`` major units."""
        return await self.intake.submit(transfer_order(debit, credit, amount, **fields))

    async def deposit(self, account: UUID, amount: Any, **fields: Any) -> Accepted:
        """Submit a cash deposit of ``amount`` major units."""
        return await self.intake.submit(
            orders.deposit(Party(str(account)), Decimal(amount), **fields)
        )

    async def as_owner(self, statement: str, *values: Any) -> None:
        """Run what no program may do: a test's way to set the stage, or to tamper."""
        connection = await asyncpg.connect(self.settings.owner_url)
        try:
            await connection.execute(statement, *values)
        finally:
            await connection.close()

    async def balance(self, account: UUID) -> int:
        """The balance in minor units."""
        async with self.database.read() as reader:
            balance: int = await reader.fetchval(
                "SELECT balance_minor FROM accounts WHERE id = $1", account
            )
        return balance

    async def states(self, ids: Sequence[UUID]) -> list[tuple[str, str | None]]:
        """Status and failure code of each transaction, in the order asked."""
        async with self.database.read() as reader:
            rows = await reader.fetch(
                "SELECT id, status, failure_code FROM transactions WHERE id = ANY($1::uuid[])",
                list(ids),
            )
        found = {row["id"]: (row["status"], row["failure_code"]) for row in rows}
        return [found[i] for i in ids]


def transfer_order(debit: UUID, credit: UUID, amount: Any, **fields: Any) -> Order:
    """An order for a transfer of ``amount`` major units."""
    return orders.transfer(Party(str(debit)), Party(str(credit)), Decimal(amount), **fields)
