"""What customers and staff do all the while: seeded, so that the same seed asks for the same.

Nobody here is told of the fault. Who gets no answer tries again with the same key, if there was
one; whoever was accepted polls until the end; everybody goes on as long as the trial does.
"""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from decimal import Decimal
from typing import Any, Final

from tests.faults.caller import Caller, Keep, succeeded, whole
from tests.faults.cast import Cast, Holder
from tests.faults.checker import FINAL
from tests.faults.history import Call, Outcome

# How many of a customer's transactions may be open before it waits for one of them.
OPEN_EACH: Final = 20
ATTEMPTS: Final = 8
POLL_WAIT_SECONDS: Final = 1
PAUSE_SECONDS: Final = 0.2
SLOWEST_PACE_SECONDS: Final = 0.3


class Workload:
    """Everybody's work for one trial. ``label`` begins every reference and key."""

    def __init__(self, cast: Cast, seed: str, label: str) -> None:
        self.cast = cast
        self.over = asyncio.Event()
        self.settled: list[tuple[Caller, str, str]] = []
        self._seed = seed
        self.label = label
        self._numbers = 0
        self._followed: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._give_up_at = float("inf")

    def start(self, *others: Callable[["Workload"], Coroutine[Any, Any, None]]) -> None:
        """Set everybody to work; ``others`` are further people, given this."""
        parts = [self.pay(holder) for holder in self.cast.payers]
        parts += [self.pay_within(self.cast.family), self.serve()]
        parts += [other(self) for other in others]
        self._tasks = [asyncio.create_task(part) for part in parts]

    async def stop(self, within_seconds: float) -> int:
        """Nobody begins anything new; wait for what is open. How many are open even then."""
        self.over.set()
        self._give_up_at = time.monotonic() + within_seconds
        await asyncio.gather(*self._tasks)
        if self._followed:
            await asyncio.wait(self._followed, timeout=within_seconds + 10)
        still_open = [task for task in self._followed if not task.done()]
        for task in still_open:
            task.cancel()
        return len(still_open)

    def draw(self, who: str) -> random.Random:
        """Somebody's own random numbers: the same for the same seed, whatever others draw."""
        return random.Random(f"{self._seed}/{who}")

    def mark(self, who: str) -> str:
        """A reference of its own for one submission."""
        self._numbers += 1
        return f"{self.label}{who}-{self._numbers}"

    async def pause(self, seconds: float) -> None:
        """Wait, unless all is over before."""
        try:
            await asyncio.wait_for(self.over.wait(), seconds)
        except TimeoutError:
            return

    async def submit(
        self,
        caller: Caller,
        deed: str,
        path: str,
        body: Any,
        *,
        mark: str,
        key: str | None = None,
        wait: int | None = None,
        keep: Keep = whole,
        method: str = "POST",
    ) -> Call:
        """Submit, again with the same key while nobody knows the outcome, and follow what came."""
        for _ in range(ATTEMPTS):
            call = await caller.call(
                deed, method, path, body, key=key, mark=mark, wait=wait, keep=keep
            )
            if call.outcome is Outcome.ACCEPTED:
                self._follow(caller, call)
            if call.status is None or call.status >= 500:
                await self.pause(PAUSE_SECONDS)
            if key is None or call.outcome is not Outcome.UNKNOWN:
                return call
        return call

    async def pay(self, holder: Holder) -> None:
        """A customer who moves money in every way there is."""
        caller = holder.caller
        draw = self.draw(caller.name)
        others = [account for payer in self.cast.payers for account in payer.accounts]
        keyed: list[tuple[Any, ...]] = []
        while not self.over.is_set():
            mark = self.mark(caller.name)
            deed, path, body = _movement(draw, holder.accounts, [*others, self.cast.shop], mark)
            key = mark if draw.random() < 0.5 else None
            wait = draw.choice((None, None, None, 1, 3)) if deed != "batch" else None
            if keyed and draw.random() < 0.08:
                deed, path, body, mark, wait = draw.choice(keyed)
                key = mark
            call = await self.submit(caller, deed, path, body, mark=mark, key=key, wait=wait)
            if key is not None and succeeded(call):
                keyed.append((deed, path, body, mark, wait))
            await self.pause(draw.uniform(0, SLOWEST_PACE_SECONDS))
            await self._room(caller)

    async def pay_within(self, holder: Holder) -> None:
        """A family that moves its money around and never in or out."""
        draw = self.draw(holder.caller.name)
        while not self.over.is_set():
            mark = self.mark(holder.caller.name)
            payer, payee = draw.sample(holder.accounts, 2)
            body = _transfer(payer, payee, _amount(draw), mark)
            await self.submit(
                holder.caller, "transfer", "/transactions/transfer", body, mark=mark, key=mark
            )
            await self.pause(draw.uniform(0, SLOWEST_PACE_SECONDS / 2))
            await self._room(holder.caller)

    async def serve(self) -> None:
        """The officer credits and debits by hand, the admin reverses what has settled."""
        draw = self.draw("staff")
        while not self.over.is_set():
            await self.pause(draw.uniform(0, 2 * SLOWEST_PACE_SECONDS))
            payer = draw.choice(self.cast.payers)
            if draw.random() < 0.5 and self.settled:
                await self._reverse(*draw.choice(self.settled))
                continue
            deed, mark = draw.choice(("credit", "debit")), self.mark("officer")
            body = {
                "account_id": draw.choice(payer.accounts),
                "amount": _amount(draw),
                "description": "by hand",
                "reference": mark,
            }
            path = f"/transactions/{deed}"
            await self.submit(self.cast.officer, deed, path, body, mark=mark, key=mark)

    async def _reverse(self, _owner: Caller, transaction_id: str, kind: str) -> None:
        if kind not in {"transfer", "deposit", "withdrawal"}:
            return
        mark = f"reversal of {transaction_id}"
        path = f"/transactions/{transaction_id}/reverse"
        await self.submit(self.cast.admin, "reverse", path, None, mark=mark, key=self.mark("admin"))

    def _follow(self, caller: Caller, call: Call) -> None:
        ids = [told["transaction_id"] for told in call.told() if told["status"] not in FINAL]
        if call.answer.get("batch_id"):
            poll = self._poll(caller, f"/transactions/batch/{call.answer['batch_id']}")
        elif ids:
            poll = self._poll(caller, f"/transactions/{ids[0]}")
        else:
            return
        task = asyncio.create_task(poll, name=caller.name)
        self._followed.add(task)
        task.add_done_callback(self._followed.discard)

    async def _poll(self, caller: Caller, path: str) -> None:
        wait = None if "/batch/" in path else POLL_WAIT_SECONDS
        while time.monotonic() < self._give_up_at:
            call = await caller.call("poll", "GET", path, wait=wait)
            told = list(call.told())
            # Of a batch all of whose items were refused there is nothing to tell.
            if succeeded(call) and all(one["status"] in FINAL for one in told):
                self.settled += [
                    (caller, one["transaction_id"], one["type"])
                    for one in told
                    if one["status"] == "success" and "type" in one
                ]
                return
            if not succeeded(call) or wait is None:
                await asyncio.sleep(PAUSE_SECONDS)

    async def _room(self, caller: Caller) -> None:
        """Wait until not too many of a customer's transactions are open."""
        while not self.over.is_set():
            own = [task for task in self._followed if task.get_name() == caller.name]
            if len(own) < OPEN_EACH:
                return
            await asyncio.wait(own, timeout=1, return_when=asyncio.FIRST_COMPLETED)


def _movement(
    draw: random.Random, own: Sequence[str], others: Sequence[str], mark: str
) -> tuple[str, str, dict[str, Any]]:
    """One movement of a customer's: what it is, where it goes, what it says."""
    kind = draw.choices(
        ("transfer", "payment", "deposit", "withdrawal", "batch"), (60, 10, 12, 12, 6)
    )[0]
    amount, account = _amount(draw), draw.choice(own)
    path = f"/transactions/{kind}"
    if kind == "transfer":
        return kind, path, _transfer(account, _other(draw, others, account), amount, mark)
    if kind == "payment":
        body = {"from_account": account, "amount": amount, "payee": "Power", "reference": mark}
        return kind, path, body
    if kind == "batch":
        items = [
            _transfer(account, _other(draw, others, account), _amount(draw), f"{mark}.{n}")
            for n in range(draw.randint(2, 30))
        ]
        return kind, path, {"items": items}
    return kind, path, {"account": account, "amount": amount, "reference": mark}


def _transfer(payer: str, payee: str, amount: str, mark: str) -> dict[str, Any]:
    return {"from_account": payer, "to_account": payee, "amount": amount, "reference": mark}


def _other(draw: random.Random, accounts: Sequence[str], than: str) -> str:
    """An account to pay to: the last of them, the shop, more often than each other."""
    chosen = accounts[-1] if draw.random() < 0.2 else draw.choice(accounts)
    return chosen if chosen != than else accounts[-1]


def _amount(draw: random.Random) -> str:
    """Mostly small; now and then more than an account holds."""
    most = 5_000 if draw.random() < 0.02 else 40
    return str(Decimal(draw.randint(1, most * 100)) / 100)
