"""Opening an account, its first deposit booked in the same unit of work."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from core.foundation.database import UnitOfWork
from core.foundation.ids import new_id
from core.foundation.money import to_minor
from core.ledger import accounts
from core.ledger.balances import AccountState, Leg, move
from core.ledger.chart import LedgerCode
from core.ledger.currencies import refuse_unsupported
from core.ledger.moment import read_moment
from core.ledger.tables import Account
from core.transactions import finish
from core.transactions.finish import Recorded
from core.transactions.kinds import TransactionType


async def open_account(
    unit: UnitOfWork,
    owner_id: UUID,
    *,
    account_id: UUID,
    currency: str,
    nickname: str | None,
    initial_deposit: Decimal,
    country: str,
    bank_code: str,
    max_accounts: int,
    time_zone: str,
    opened_by: UUID,
    request_id: str | None = None,
) -> Account:
    """Open an account and book its opening deposit (major units, 0 for none); the caller commits.

    The caller holds the owner's row locked, so that two accounts opened at once are not both the
    first, nor both the last that the owner may have. Raises CurrencyNotSupported, InvalidAmount,
    CapReached, or BalanceLimitExceeded.
    """
    await refuse_unsupported(unit.session, currency)
    deposit_minor = to_minor(initial_deposit, currency)
    account = await accounts.add_account(
        unit.session,
        owner_id,
        account_id=account_id,
        currency=currency,
        nickname=nickname,
        balance_minor=deposit_minor,
        country=country,
        bank_code=bank_code,
        max_accounts=max_accounts,
    )
    if deposit_minor:
        moment = await read_moment(unit.connection)
        today = moment.accounting_date(moment.business_date(time_zone))
        deposit = _deposit(account, today, opened_by, request_id)
        await finish.record(unit.connection, [deposit], account.created_at)
    return account


def _deposit(account: Account, today: date, opened_by: UUID, request_id: str | None) -> Recorded:
    """Cash for all that the account holds."""
    amount_minor, currency = account.balance_minor, account.currency
    before = AccountState(account.id, currency, account.status, 0, 0)
    legs = (
        Leg(None, LedgerCode.CASH.value, -amount_minor, currency),
        Leg(account.id, None, amount_minor, currency),
    )
    return Recorded(
        id=new_id(),
        type=TransactionType.DEPOSIT.value,
        amount_minor=amount_minor,
        currency=currency,
        legs=move(legs, {account.id: before}),
        accounting_date=today,
        credit_account_id=account.id,
        contra_code=LedgerCode.CASH.value,
        initiated_by=opened_by,
        description="Opening deposit",
        request_id=request_id,
    )
