"""People at the bank: what a customer, an officer or an admin does over HTTP, in short words."""

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import httpx2

from core.foundation import clock
from core.foundation.database import Database
from core.foundation.ids import new_id
from core.identity.passwords import Passwords
from core.identity.tables import User
from tests.system import System

PASSWORD = "correct horse battery staple"


@dataclass
class Person:
    """Somebody who has logged in."""

    client: httpx2.AsyncClient
    user_id: str
    email: str
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    async def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """One request as this person."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> httpx2.Response:
        return await self.call("GET", path, **options)

    async def post(self, path: str, json: Any = None, **options: Any) -> httpx2.Response:
        return await self.call("POST", path, json=json, **options)

    async def put(self, path: str, json: Any = None, **options: Any) -> httpx2.Response:
        return await self.call("PUT", path, json=json, **options)

    async def delete(self, path: str, **options: Any) -> httpx2.Response:
        return await self.call("DELETE", path, **options)

    async def open_account(self, deposit: Any = None, **fields: Any) -> dict[str, Any]:
        """A new account, with an opening deposit if one is given."""
        body = {**({} if deposit is None else {"initial_deposit": deposit}), **fields}
        answer = await self.post("/accounts", body)
        assert answer.status_code == 201, answer.text
        account: dict[str, Any] = answer.json()
        return account

    async def balance(self, account: dict[str, Any]) -> Any:
        """The balance of an account, as the API answers it."""
        answer = await self.get(f"/accounts/{account['account_id']}")
        assert answer.status_code == 200, answer.text
        return answer.json()["balance"]

    async def transfer(self, to: dict[str, Any], amount: Any, **fields: Any) -> httpx2.Response:
        """Submit a transfer and wait for its end; the answer as it came."""
        headers = {"Prefer": "wait=20", **fields.pop("headers", {})}
        body = {"to_account": to["account_number"], "amount": amount, **fields}
        return await self.post("/transactions/transfer", body, headers=headers)

    async def final(self, transaction_id: str) -> dict[str, Any]:
        """The transaction once it is final."""
        answer = await self.get(f"/transactions/{transaction_id}", headers={"Prefer": "wait=30"})
        assert answer.status_code == 200, answer.text
        transaction: dict[str, Any] = answer.json()
        assert transaction["status"] in {"success", "failed"}, transaction
        return transaction


class Bank:
    """The running system and those who use it."""

    def __init__(self, client: httpx2.AsyncClient, system: System) -> None:
        self.client = client
        self.system = system

    async def customer(self, **fields: Any) -> Person:
        """A new customer, registered and logged in."""
        email = f"customer-{secrets.token_hex(6)}@example.org"
        body = {"email": email, "password": PASSWORD, **fields}
        answer = await self.client.post("/auth/register", json=body)
        assert answer.status_code == 201, answer.text
        return await self.login(email)

    async def officer(self) -> Person:
        """A new officer, made as the command line makes them."""
        return await self._staff("officer")

    async def admin(self) -> Person:
        """A new admin, made as the command line makes them."""
        return await self._staff("admin")

    async def login(self, email: str, password: str = PASSWORD) -> Person:
        """Log in with an e-mail address and a password."""
        answer = await self.client.post("/auth/login", json={"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        token = answer.json()["access_token"]
        profile = await self.client.get(
            "/users/profile", headers={"Authorization": f"Bearer {token}"}
        )
        assert profile.status_code == 200, profile.text
        return Person(self.client, profile.json()["user_id"], email, token)

    @contextmanager
    def worker_stopped(self) -> Iterator[None]:
        """Nothing settles meanwhile: the system's worker stands still, and then goes on."""
        worker = self.system.running["worker"].pid
        os.killpg(worker, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(worker, signal.SIGCONT)

    async def _staff(self, role: str) -> Person:
        email = f"{role}-{secrets.token_hex(6)}@example.org"
        database = Database.from_settings(self.system.settings, name="test")
        async with database.unit_of_work() as unit:
            unit.session.add(
                User(
                    id=new_id(),
                    email=email,
                    password_hash=await Passwords(rounds=4).hash(PASSWORD),
                    role=role,
                    status="active",
                    created_at=clock.now(),
                )
            )
            await unit.commit()
        await database.close()
        return await self.login(email)


async def in_default(bank: Bank, loan_id: str) -> None:
    """Set the stage: the loan is in default, as months of waiting would make it."""
    owner = await asyncpg.connect(bank.system.settings.migration_database_url)
    await owner.execute("UPDATE loans SET in_default = true WHERE id = $1", UUID(loan_id))
    await owner.close()
