"""Accounts and their entries on the wire."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, Field

from api.http.strict_json import Body, example
from api.schemas.fields import (
    AmountOrZero,
    CurrencyCode,
    Flag,
    IdempotencyKeyField,
    Money,
    Text200,
)
from core.foundation.money import to_major
from core.ledger.balances import AccountStatus
from core.ledger.tables import Account
from core.reporting.entries import Entry


class AccountOpening(Body):
    """A new account; everything has a default."""

    model_config = example({"initial_deposit": 5000, "currency": "EUR", "nickname": "Household"})
    initial_deposit: AmountOrZero | None = None
    currency: CurrencyCode | None = None
    nickname: Text200 | None = None
    owner_id: UUID | None = Field(None, description="For staff: the customer it is opened for")
    idempotency_key: IdempotencyKeyField = None


class AccountChange(Body):
    """An account's settings; those left out stay."""

    model_config = example({"nickname": "Savings", "is_primary": True})
    nickname: Text200 | None = None
    is_primary: Flag | None = None


class OverdraftChange(Body):
    """How far below zero the account may go."""

    model_config = example({"overdraft_limit": 500})
    overdraft_limit: AmountOrZero


class AccountAnswer(BaseModel):
    """An account. ``available`` is what may be debited now."""

    account_id: UUID
    account_number: str
    iban: str
    owner_id: UUID
    currency: str
    balance: Money
    available: Money
    overdraft_limit: Money
    status: AccountStatus
    nickname: str | None
    is_primary: bool
    created_at: datetime
    closed_at: datetime | None

    @classmethod
    def of(cls, account: Account) -> "AccountAnswer":
        """The account as answered."""
        currency = account.currency
        return cls(
            account_id=account.id,
            account_number=account.account_number,
            iban=account.iban,
            owner_id=account.owner_id,
            currency=currency,
            balance=to_major(account.balance_minor, currency),
            available=to_major(account.available_minor, currency),
            overdraft_limit=to_major(account.overdraft_limit_minor, currency),
            status=AccountStatus(account.status),
            nickname=account.nickname,
            is_primary=account.is_primary,
            created_at=account.created_at,
            closed_at=account.closed_at,
        )


class Accounts(BaseModel):
    """A page of accounts."""

    items: list[AccountAnswer]
    next_cursor: str | None


class BalanceAnswer(BaseModel):
    """A balance; ``available`` is known of the present moment only."""

    account_id: UUID
    account_number: str
    currency: str
    balance: Money
    available: Money | None
    at: datetime


class EntryAnswer(BaseModel):
    """One entry: ``amount`` is signed, credits positive."""

    entry_id: UUID
    transaction_id: UUID
    type: str
    amount: Money
    currency: str
    balance_after: Money
    counterparty: str | None
    description: str | None
    booked_at: datetime
    accounting_date: date

    @classmethod
    def of(cls, entry: Entry) -> "EntryAnswer":
        """The entry as answered."""
        return cls(
            entry_id=entry.id,
            transaction_id=entry.transaction_id,
            type=entry.type,
            amount=to_major(entry.amount_minor, entry.currency),
            currency=entry.currency,
            balance_after=to_major(entry.balance_after_minor, entry.currency),
            counterparty=entry.counterparty,
            description=entry.description,
            booked_at=entry.booked_at,
            accounting_date=entry.accounting_date,
        )


class Entries(BaseModel):
    """A page of entries."""

    items: list[EntryAnswer]
    next_cursor: str | None
