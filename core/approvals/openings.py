"""Opening accounts: a customer for himself, staff at the counter for a customer."""

from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from core.audit.log import Actor, record
from core.config import Settings
from core.database import driver
from core.errors import Forbidden, SelfServiceCashOff
from core.identity import users
from core.identity.models import Role
from core.identity.persons import refuse_own
from core.ledger.models import Account
from core.transactions.opening import open_account


@dataclass(frozen=True, slots=True)
class AccountRules:
    """What the bank's settings say of new accounts."""

    country: str
    bank_code: str
    max_accounts: int
    cash_desk_open: bool

    @classmethod
    def of(cls, settings: Settings) -> "AccountRules":
        """The rules of ``settings``."""
        return cls(
            settings.bank_country,
            settings.bank_code,
            settings.max_accounts,
            settings.cash_desk_open,
        )


@dataclass(frozen=True, slots=True)
class Opening:
    """An account that is asked for; ``initial_deposit`` in major units, 0 for none."""

    owner_id: UUID
    currency: str
    nickname: str | None
    initial_deposit: Decimal

    def fingerprint(self) -> bytes:
        """A digest of what is asked, the same for the same request."""
        asked = ("account", self.owner_id, self.currency, self.nickname, self.initial_deposit)
        return sha256(msgspec.json.encode(asked)).digest()


async def open_for(
    session: AsyncSession, wanted: Opening, actor: Actor, rules: AccountRules, account_id: UUID
) -> Account:
    """Open an account and book its opening deposit, as ``actor``; the caller commits.

    A customer opens for himself alone, and pays cash in only where the cash desk is open; staff
    open for anybody but themselves, and that is audited. Raises Forbidden, SelfServiceCashOff,
    FourEyes, UserNotFound, CapReached, CurrencyNotSupported, InvalidAmount.
    """
    if actor.user_id is None:
        raise Forbidden
    if actor.role == Role.CUSTOMER:
        if wanted.owner_id != actor.user_id:
            raise Forbidden("a customer opens accounts for himself alone")
        if wanted.initial_deposit and not rules.cash_desk_open:
            raise SelfServiceCashOff
    else:
        await refuse_own(await driver(session), actor.user_id, [wanted.owner_id])
    await users.find_user(session, wanted.owner_id, lock=True)
    account = await open_account(
        session,
        wanted.owner_id,
        account_id=account_id,
        currency=wanted.currency,
        nickname=wanted.nickname,
        initial_deposit=wanted.initial_deposit,
        country=rules.country,
        bank_code=rules.bank_code,
        max_accounts=rules.max_accounts,
        opened_by=actor.user_id,
        request_id=actor.request_id,
    )
    if actor.role != Role.CUSTOMER:
        record(
            session,
            actor,
            "account.open",
            subject_type="account",
            subject_id=account.id,
            details={
                "owner_id": str(wanted.owner_id),
                "currency": wanted.currency,
                "initial_deposit": str(wanted.initial_deposit),
            },
        )
    return account
