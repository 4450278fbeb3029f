"""The people of a stack: customers with accounts, a family, borrowers, an officer, an admin."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import httpx2

from tests.faults.caller import Caller
from tests.faults.history import History

PAYERS: Final = 14
FAMILY_ACCOUNTS: Final = 8
BORROWERS: Final = 2
CROWD: Final = 10
OPENING: Final = 2_000
CONNECTIONS: Final = 400


@dataclass(frozen=True)
class Holder:
    """A customer and the numbers of the accounts it pays from."""

    caller: Caller
    accounts: Sequence[str]


@dataclass(frozen=True)
class Cast:
    """Everybody. ``shop`` is the account that many pay into; the crowd comes with the overload."""

    client: httpx2.AsyncClient
    payers: Sequence[Holder]
    family: Holder
    borrowers: Sequence[Holder]
    crowd: Sequence[Holder]
    officer: Caller
    admin: Caller
    shop: str

    def callers(self) -> list[Caller]:
        """All of them."""
        holders = [*self.payers, self.family, *self.borrowers]
        return [*(holder.caller for holder in holders), self.officer, self.admin]

    def record_in(self, history: History) -> None:
        """From now on everybody's calls go there."""
        for caller in self.callers():
            caller.history = history

    async def log_in(self) -> None:
        """Fresh tokens for all: a trial may last longer than the old ones."""
        for caller in self.callers():
            await caller.log_in()


class Place(Protocol):
    """A running system: where it answers, and how its staff are made (e-mail and password)."""

    @property
    def url(self) -> str:
        """The API's address."""

    async def staff(self, role: str) -> tuple[str, str]:
        """A new officer or admin."""


async def assemble(place: Place, *, payers: int = PAYERS, crowd: int = CROWD) -> Cast:
    """Register everybody at a system that runs, and open their accounts."""
    limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=100)
    client = httpx2.AsyncClient(base_url=place.url, limits=limits, timeout=20)
    before = History()

    async def holder(name: str, accounts: int) -> Holder:
        email = f"{name}-{secrets.token_hex(4)}@example.org"
        caller = Caller(client, before, name, email, secrets.token_urlsafe(18))
        await caller.register()
        return Holder(caller, [await _open(caller) for _ in range(accounts)])

    async def employee(role: str) -> Caller:
        email, password = await place.staff(role)
        caller = Caller(client, before, role, email, password)
        if not await caller.log_in():
            raise RuntimeError(f"the {role} cannot log in")
        return caller

    shop = await holder("shop", 1)
    return Cast(
        client=client,
        payers=[await holder(f"payer-{n}", 2) for n in range(payers)],
        family=await holder("family", FAMILY_ACCOUNTS),
        borrowers=[await holder(f"borrower-{n}", 1) for n in range(BORROWERS)],
        crowd=[await holder(f"crowd-{n}", 2) for n in range(crowd)],
        officer=await employee("officer"),
        admin=await employee("admin"),
        shop=shop.accounts[0],
    )


async def _open(caller: Caller) -> str:
    opened = await caller.call("open", "POST", "/accounts", {"initial_deposit": OPENING})
    if opened.status != 201:
        raise RuntimeError(f"{caller.name} could not open an account: {opened.code}")
    number: str = opened.answer["account_number"]
    return number
