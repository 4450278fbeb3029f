"""Set-off: what is due on a loan is taken from the borrower's own accounts at this bank.

In the loan's currency, no more than is due, and no more than an account's own money: an overdraft
is never used for it. The business day asks for it, or an officer; either submits an order for each
account, and each order is asked the same question once more when it settles.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date
from uuid import UUID

from core.foundation.database import Reader
from core.ledger.directory import Funds, funds_of
from core.lending import orders
from core.lending.servicing.loan_book import LoanBook, owed_in_all
from core.transactions.orders import BankOrder


def to_take(due_minor: int, own_minor: int) -> int:
    """What a set-off takes of ``due_minor`` from an account with ``own_minor`` of its own."""
    return max(0, min(due_minor, own_minor))


class Purses:
    """Borrowers' accounts with money of their own; what is ordered from one is not there twice."""

    def __init__(self, funds: Iterable[Funds]) -> None:
        self._left: dict[tuple[UUID, str], dict[UUID, int]] = defaultdict(dict)
        for each in funds:
            self._left[each.owner_id, each.currency][each.account_id] = each.own_minor

    @classmethod
    async def of(cls, reader: Reader, borrowers: Collection[UUID]) -> "Purses":
        """The purses of these borrowers; money is taken in the order of the accounts' ids."""
        return cls(await funds_of(reader, borrowers))

    def set_off(self, book: LoanBook, on: date, *, by: UUID | None = None) -> list[BankOrder]:
        """One order for each account until what is due of the loan ``on`` a date is covered."""
        due = owed_in_all(book.due(on)).total
        accounts = self._left[book.user_id, book.currency]
        asked = []
        for account_id, left in accounts.items():
            amount = to_take(due, left)
            if amount:
                asked.append(orders.set_off(book.id, account_id, amount, book.currency, on, by=by))
                accounts[account_id] -= amount
                due -= amount
        return asked
