"""Opening an account, its first deposit booked in the same unit of work."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from core.foundation.errors import CapReached
from core.foundation.ids import new_id
from core.foundation.money import to_minor
from core.ledger.accounts import accounts_of
from core.ledger.balances import AccountStatus
from core.ledger.chart import LedgerCode
from core.ledger.currencies import refuse_unsupported
from core.ledger.numbers import make_iban, next_account_number
from core.ledger.tables import Account, Posting
from core.transactions.kinds import TransactionType
from core.transactions.tables import Status, Transaction


async def open_account(
    session: AsyncSession,
    owner_id: UUID,
    *,
    account_id: UUID,
    currency: str,
    nickname: str | None,
    initial_deposit: Decimal,
    country: str,
    bank_code: str,
    max_accounts: int,
    opened_by: UUID,
    request_id: str | None = None,
) -> Account:
    """Open an account and book its opening deposit (major units, 0 for none); the caller commits.

    The owner's first account is the primary one; the caller holds the owner's row locked, so that
    two accounts opened at once are not both the first, nor both the last that the owner may have.
    Raises CurrencyNotSupported, InvalidAmount, or CapReached at ``max_accounts`` open ones.
    """
    await refuse_unsupported(session, currency)
    deposit_minor = to_minor(initial_deposit, currency)
    siblings = await accounts_of(session, owner_id)
    if sum(sibling.status != AccountStatus.CLOSED for sibling in siblings) >= max_accounts:
        raise CapReached(f"a customer has at most {max_accounts} accounts")
    number = await next_account_number(session)
    # The database's clock, by which all postings are booked.
    opened_at = await session.scalar(text("SELECT clock_timestamp()"))
    account = Account(
        id=account_id,
        owner_id=owner_id,
        account_number=number,
        iban=make_iban(number, country=country, bank_code=bank_code),
        currency=currency,
        status=AccountStatus.ACTIVE,
        nickname=nickname,
        is_primary=not any(sibling.is_primary for sibling in siblings),
        balance_minor=deposit_minor,
        overdraft_limit_minor=0,
        created_at=opened_at,
        last_booked_at=opened_at,
    )
    session.add(account)
    await session.flush()
    if deposit_minor:
        await _book_deposit(session, account, opened_by, request_id)
    return account


async def _book_deposit(
    session: AsyncSession, account: Account, opened_by: UUID, request_id: str | None
) -> None:
    deposit = Transaction(
        id=new_id(),
        type=TransactionType.DEPOSIT,
        status=Status.SUCCESS,
        amount_minor=account.balance_minor,
        currency=account.currency,
        credit_account_id=account.id,
        contra_code=LedgerCode.CASH,
        initiated_by=opened_by,
        description="Opening deposit",
        request_id=request_id,
        created_at=account.created_at,
        settled_at=account.created_at,
    )
    session.add(deposit)
    await session.flush()
    amount_minor = account.balance_minor
    shared = {
        "transaction_id": deposit.id,
        "currency": account.currency,
        "booked_at": account.created_at,
    }
    cash = {
        "leg": 0,
        "account_id": None,
        "ledger_code": LedgerCode.CASH,
        "amount_minor": -amount_minor,
        "balance_after_minor": None,
    }
    customer = {
        "leg": 1,
        "account_id": account.id,
        "ledger_code": None,
        "amount_minor": amount_minor,
        "balance_after_minor": amount_minor,
    }
    # One statement: the database checks at its end that the legs sum to zero.
    await session.execute(insert(Posting).values([shared | cash, shared | customer]))
