"""What is clear at submission already: the parties, the amount, the balance as it stands.

Pure. What only turns out in the order of settlement (an earlier debit that empties the account)
is left to ``decide``, which refuses with the same errors.
"""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from core.foundation.errors import (
    AccountNotFound,
    CurrencyMismatch,
    InsufficientFunds,
    InvalidAmount,
    NoPrimaryAccount,
    SameAccount,
)
from core.foundation.money import to_minor
from core.ledger.balances import refuse_inactive
from core.ledger.directory import ListedAccount
from core.transactions.orders import Order, Party


class Directory:
    """The accounts that a batch of orders names, found by id, number or owner."""

    def __init__(self, accounts: Iterable[ListedAccount]) -> None:
        self._by_id: dict[UUID, ListedAccount] = {}
        self._by_number: dict[str, ListedAccount] = {}
        self._primary: dict[UUID, ListedAccount] = {}
        for account in accounts:
            self._by_id[account.id] = account
            self._by_number[account.account_number] = account
            if account.is_primary:
                self._primary[account.owner_id] = account

    def find(self, party: Party) -> ListedAccount:
        """The party's account. Raises NoPrimaryAccount or AccountNotFound."""
        if party.name is None:
            primary = self._primary.get(party.owner_id) if party.owner_id else None
            if primary is None:
                raise NoPrimaryAccount
            return primary
        account_id = party.account_id
        account = (
            self._by_number.get(party.name) if account_id is None else self._by_id.get(account_id)
        )
        if account is None or party.owner_id not in {None, account.owner_id}:
            raise AccountNotFound
        return account


class Checked(NamedTuple):
    """An order whose parties and amount are known.

    ``short``: the balance as it stands does not cover it, so that only pending credits could.
    """

    order: Order
    debit_account_id: UUID | None
    credit_account_id: UUID | None
    amount_minor: int
    currency: str
    short: bool


def check(order: Order, directory: Directory) -> Checked:
    """The order with its parties resolved. Raises the GiroError that refuses it at once."""
    if order.refusal is not None:
        raise order.refusal
    debit = directory.find(order.debit) if order.debit else None
    credit = directory.find(order.credit) if order.credit else None
    if debit and credit and debit.id == credit.id:
        raise SameAccount
    sides = [side for side in (debit, credit) if side]
    currency = sides[0].currency
    amount_minor = to_minor(order.amount, currency)
    if amount_minor <= 0:
        raise InvalidAmount("the amount must be greater than 0")
    for side in sides:
        refuse_inactive(side.status)
        if side.currency != currency:
            raise CurrencyMismatch
    short = debit is not None and debit.available_minor < amount_minor
    return Checked(
        order,
        debit.id if debit else None,
        credit.id if credit else None,
        amount_minor,
        currency,
        short,
    )


def refuse_short(checked: Checked, reachable_minor: int) -> None:
    """Refuse an order that even all pending credits to its payer would not cover.

    ``reachable_minor`` is the payer's available balance with those credits. Raises
    InsufficientFunds.
    """
    if checked.amount_minor > reachable_minor:
        raise InsufficientFunds
