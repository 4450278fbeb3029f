"""What every scene stands on: the people, the API, the figures, and the console."""

import asyncio
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console

FINAL = frozenset({"success", "failed"})
POLL_WITHIN_SECONDS = 60.0
Json = dict[str, Any]


class DemoFailedError(Exception):
    """The system did not do what the demo shows; the message says what was expected."""


@dataclass
class Person:
    """Somebody with a login."""

    name: str
    email: str
    password: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    role: str = "customer"
    token: str = ""


@dataclass
class Stage:
    """The running system as the scenes see it."""

    client: httpx2.AsyncClient
    console: Console
    home: Path
    currency: str = "EUR"
    cast: dict[str, Person] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    loans: dict[str, str] = field(default_factory=dict)
    accepted: list[str] = field(default_factory=list)
    settled: list[Json] = field(default_factory=list)

    async def call(
        self,
        who: str | None,
        method: str,
        path: str,
        body: Any = None,
        *,
        expect: int | Sequence[int] = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        """One request as `who` (None: nobody), checked for its status; the answer's JSON.

        Numbers come back as Decimal. A 429 is waited out, as a polite client does.
        """
        expected = (expect,) if isinstance(expect, int) else tuple(expect)
        sent = dict(headers or {})
        if who is not None:
            sent["Authorization"] = f"Bearer {self.cast[who].token}"
        for _ in range(5):
            response = await self.client.request(
                method, path, json=_jsonable(body) if body is not None else None, headers=sent
            )
            if response.status_code != 429 or 429 in expected:
                break
            await asyncio.sleep(min(float(response.headers.get("Retry-After", "1")), 30))
        if response.status_code not in expected:
            raise DemoFailedError(
                f"{method} {path} as {who}: expected {expected}, got {response.status_code}: "
                f"{response.text}"
            )
        answer: Json = json.loads(response.text, parse_float=Decimal) if response.text else {}
        return answer

    async def submit(
        self, who: str, path: str, body: Json, headers: Mapping[str, str] | None = None
    ) -> str:
        """Submit a movement and count it as accepted; its transaction id."""
        answer = await self.call(who, "POST", path, body, expect=(200, 202), headers=headers)
        transaction_id: str = answer["transaction_id"]
        self.accepted.append(transaction_id)
        return transaction_id

    async def final(self, who: str, transaction_id: str) -> Json:
        """Poll until the transaction is final; its record."""
        deadline = time.monotonic() + POLL_WITHIN_SECONDS
        while time.monotonic() < deadline:
            record = await self.call(
                who, "GET", f"/transactions/{transaction_id}", headers={"Prefer": "wait=5"}
            )
            if record["status"] in FINAL:
                self.settled.append(record)
                return record
            await asyncio.sleep(0.05)
        raise DemoFailedError(f"{transaction_id} was not final within {POLL_WITHIN_SECONDS:g} s")

    async def succeed(self, who: str, path: str, body: Json) -> Json:
        """Submit, poll, and insist on success."""
        record = await self.final(who, await self.submit(who, path, body))
        check(record["status"] == "success", f"{path} ended {record['failure_code']}")
        return record

    async def balance(self, account: str) -> Decimal:
        """The balance of an account of the cast, asked by its owner (`anna` owns `anna`)."""
        owner = account.split("/", maxsplit=1)[0]
        answer = await self.call(owner, "GET", f"/accounts/{self.accounts[account]}/balance")
        return Decimal(answer["balance"])

    def money(self, amount: Decimal | int) -> str:
        """An amount as the tables show it."""
        return f"{amount:,.2f} {self.currency}"

    def done(self, text: str) -> None:
        """Say that something shown was also checked."""
        self.console.print(f"  [green]✓[/] {text}", highlight=False)


def check(holds: bool, otherwise: str) -> None:
    """Insist on what the demo shows."""
    if not holds:
        raise DemoFailedError(otherwise)


def time_to_final_ms(record: Json) -> float:
    """Milliseconds from acceptance to the final state, by the bank's own clock."""
    created = datetime.fromisoformat(record["created_at"])
    settled = datetime.fromisoformat(record["settled_at"])
    return (settled - created).total_seconds() * 1000


def _jsonable(value: Any) -> Any:
    """Decimals as strings, which the API takes as exactly as numbers."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_jsonable(item) for item in value]
    return value
