"""More than the bank can take: many clients with batches, many with single transfers, at once."""

import asyncio
import secrets
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import httpx2

from tests.bank import Bank, Person

ITEMS = 200


@dataclass
class Story:
    """What the clients saw. ``refused`` and ``accepted`` are the references of batches."""

    batches: Counter[str] = field(default_factory=Counter)
    singles: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    ready: Counter[int] = field(default_factory=Counter)
    single_seconds: list[float] = field(default_factory=list)
    ready_seconds: list[float] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)

    def figures(self) -> str:
        """What was seen, to read."""
        memory = f"{self.memory[0] >> 20} MiB, at most {max(self.memory) >> 20} MiB"
        return (
            f"batches {dict(self.batches)}, singles {dict(self.singles)}, "
            f"ready {dict(self.ready)}, broken off {dict(self.broken)}\n"
            f"singles: median {self.slowest(0.5):.3f} s, 99 % {self.slowest(0.99):.3f} s; "
            f"ready: slowest {max(self.ready_seconds):.3f} s; memory: {memory}"
        )

    def slowest(self, share: float) -> float:
        """The time below which this share of the single transfers was answered."""
        return sorted(self.single_seconds)[int(len(self.single_seconds) * share) - 1]


@dataclass
class Overload:
    """Clients against one API process, for ``seconds``."""

    bank: Bank
    api_pid: int
    seconds: float
    batch_clients: int
    single_clients: int
    story: Story = field(default_factory=Story)

    async def play(self, crowd: list[Person], others: list[Person], to: dict[str, Any]) -> Story:
        """``crowd`` sends batches, ``others`` single transfers, all to the account ``to``."""
        self.deadline = monotonic() + self.seconds
        limits = httpx2.Limits(max_connections=None)
        url = self.bank.system.url
        async with (
            httpx2.AsyncClient(base_url=url, timeout=60, limits=limits) as client,
            httpx2.AsyncClient(base_url=url, timeout=10) as prober,
        ):
            self.client = client
            number = to["account_number"]
            await asyncio.gather(
                *(
                    self._send_batches(crowd[n % len(crowd)], number)
                    for n in range(self.batch_clients)
                ),
                *(
                    self._send_singles(others[n % len(others)], number)
                    for n in range(self.single_clients)
                ),
                self._probe(prober),
            )
        return self.story

    async def _send_batches(self, person: Person, to: str) -> None:
        while monotonic() < self.deadline:
            mark = secrets.token_hex(8)
            item = {"to_account": to, "amount": 1, "reference": mark}
            body = {"items": [item] * ITEMS}
            answer = await self._post(person, "/transactions/batch", body)
            if answer is None:
                continue
            self.story.batches[_said(answer)] += 1
            (self.story.accepted if answer.status_code == 202 else self.story.refused).append(mark)
            await _as_told(answer)

    async def _send_singles(self, person: Person, to: str) -> None:
        while monotonic() < self.deadline:
            started = monotonic()
            answer = await self._post(
                person, "/transactions/transfer", {"to_account": to, "amount": 1}
            )
            if answer is None:
                continue
            self.story.singles[_said(answer)] += 1
            self.story.single_seconds.append(monotonic() - started)
            await _as_told(answer)

    async def _probe(self, prober: httpx2.AsyncClient) -> None:
        while monotonic() < self.deadline:
            started = monotonic()
            self.story.ready[(await prober.get("/health/ready")).status_code] += 1
            self.story.ready_seconds.append(monotonic() - started)
            self.story.memory.append(resident_bytes(self.api_pid))
            await asyncio.sleep(0.2)

    async def _post(self, person: Person, path: str, body: Any) -> httpx2.Response | None:
        """The answer; None where the connection was closed under it, which says nothing."""
        headers = {"Authorization": f"Bearer {person.token}"}
        try:
            return await self.client.post(path, json=body, headers=headers)
        except httpx2.TransportError as error:
            self.story.broken[type(error).__name__] += 1
            return None


def _said(answer: httpx2.Response) -> str:
    code = answer.json().get("code", "") if answer.status_code >= 400 else ""
    return f"{answer.status_code} {code}".strip()


async def _as_told(answer: httpx2.Response) -> None:
    """Come again when told to, as a good client does."""
    if answer.status_code in {429, 503}:
        await asyncio.sleep(int(answer.headers["retry-after"]))


def resident_bytes(pid: int) -> int:
    """The memory of a process and of its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    status = Path(f"/proc/{pid}/status").read_text()
    own = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(own.split()[1]) * 1024 + sum(resident_bytes(int(child)) for child in children)
