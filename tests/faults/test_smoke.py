"""The harness on the system that the other tests use, for a moment: a worker that stands still."""

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.foundation.config import Settings
from tests import servers as testing
from tests.bank import PASSWORD, Bank
from tests.faults import reader
from tests.faults.books import bookmark, read_books
from tests.faults.cast import assemble
from tests.faults.checker import check
from tests.faults.figures import SUBMISSIONS
from tests.faults.history import History
from tests.faults.workload import Workload

PAYERS = 4


@dataclass(frozen=True)
class City:
    """The running system as the harness sees it."""

    bank: Bank

    @property
    def url(self) -> str:
        return self.bank.system.url

    async def staff(self, role: str) -> tuple[str, str]:
        person = await (self.bank.officer() if role == "officer" else self.bank.admin())
        return person.email, PASSWORD


def superuser_url(settings: Settings) -> str:
    return testing.servers().superuser_url(urlsplit(settings.database_url).path.lstrip("/"))


async def test_a_worker_that_stands_still_breaks_no_promise(bank: Bank) -> None:
    # Given customers at work
    cast = await assemble(City(bank), payers=PAYERS, crowd=0)
    history = History()
    cast.record_in(history)
    url = superuser_url(bank.system.settings)
    since = await bookmark(url)
    work = Workload(cast, seed="smoke", label="smoke/")
    work.start(reader.read)
    await asyncio.sleep(0.7)
    # When the worker stands still for a moment
    with bank.worker_stopped():
        await asyncio.sleep(0.7)
    await asyncio.sleep(0.7)
    # Then all that was accepted ends, and nothing is amiss
    assert await work.stop(within_seconds=20) == 0
    books = await read_books(url, since, "smoke/")
    await cast.client.aclose()
    assert sum(call.deed in SUBMISSIONS for call in history.calls) > PAYERS
    assert check(history.calls, books) == []
