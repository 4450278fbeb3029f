"""Opening accounts: a customer for himself, staff at the counter for a customer."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from core.approvals.deeds import Deed, Doing, Done, Ground
from core.approvals.rules import Rules
from core.approvals.storage import fingerprint
from core.audit.log import Actor, record, user_of
from core.foundation.database import UnitOfWork
from core.foundation.errors import Forbidden
from core.foundation.money import minor_units
from core.identity import users
from core.identity.persons import refuse_own
from core.identity.tables import Role
from core.ledger.accounts import find_account, trace
from core.ledger.tables import Account
from core.transactions.keys import win_key
from core.transactions.opening import open_account
from core.transactions.orders import refusal_of_cash


@dataclass(frozen=True, slots=True)
class Opening:
    """An account that is asked for; ``initial_deposit`` in major units, 0 for none."""

    owner_id: UUID
    currency: str
    nickname: str | None
    initial_deposit: Decimal
    deed: ClassVar[Deed] = Deed.OPENING
    keyed: ClassVar[bool] = True

    @classmethod
    def asked_by(
        cls,
        asker_id: UUID,
        *,
        is_staff: bool,
        owner_id: UUID | None,
        currency: str,
        nickname: str | None,
        initial_deposit: Decimal | None,
    ) -> "Opening":
        """What somebody asks for: a customer for himself unless he names an owner, staff must.

        Raises Forbidden, CurrencyNotSupported or InvalidAmount.
        """
        if is_staff and owner_id is None:
            raise Forbidden("staff open accounts for customers: name the owner")
        deposit = initial_deposit or Decimal(0)
        minor_units("initial_deposit", deposit, currency)
        return cls(owner_id or asker_id, currency, nickname, deposit)

    @classmethod
    def of(cls, body: dict[str, Any]) -> "Opening":
        """The act of a body."""
        owner, deposit = UUID(body["owner_id"]), Decimal(body["initial_deposit"])
        return cls(owner, body["currency"], body["nickname"], deposit)

    def body(self) -> dict[str, Any]:
        """What was asked."""
        return {
            "owner_id": str(self.owner_id),
            "currency": self.currency,
            "nickname": self.nickname,
            "initial_deposit": self.initial_deposit,
        }

    def sealed(self) -> None:
        """Nothing."""

    async def look(self, unit: UnitOfWork, _actor: Actor, _rules: Rules) -> Ground:
        """A known owner; worth the cash that comes with it. Without any it needs nobody else."""
        await users.find_user(unit.session, self.owner_id)
        second = None if self.initial_deposit else False
        return Ground((self.owner_id,), self.initial_deposit, second=second)

    async def run(self, unit: UnitOfWork, doing: Doing) -> Done:
        """Open it and book its opening deposit.

        A customer opens for himself alone, and pays cash in only where the cash desk is open;
        staff open for anybody but themselves, and that is audited. Raises Forbidden,
        SelfServiceCashOff, FourEyes, UserNotFound, CapReached, CurrencyNotSupported,
        InvalidAmount, IdempotencyKeyReused.
        """
        connection = unit.connection
        earlier = await win_key(connection, doing.key, fingerprint(self), doing.run_id)
        if earlier is not None:
            account = await find_account(unit.session, str(earlier))
            return Done({"account_id": str(account.id)}, made=account, replayed=True)
        by_customer = doing.actor.role == Role.CUSTOMER
        if by_customer:
            self._refuse_customer(user_of(doing.actor), doing.rules)
        else:
            await refuse_own(connection, user_of(doing.actor), [self.owner_id])
        account = await self._open(unit, doing)
        if not by_customer:
            self._note(unit, doing, account)
        traces = (trace(account.id),)
        return Done({"account_id": str(account.id)}, made=account, traces=traces)

    def _refuse_customer(self, customer_id: UUID, rules: Rules) -> None:
        if self.owner_id != customer_id:
            raise Forbidden("a customer opens accounts for himself alone")
        refusal = refusal_of_cash(cash_desk_open=rules.accounts.cash_desk_open)
        if self.initial_deposit and refusal is not None:
            raise refusal

    async def _open(self, unit: UnitOfWork, doing: Doing) -> Account:
        rules = doing.rules.accounts
        await users.lock_user(unit.session, self.owner_id)
        return await open_account(
            unit,
            self.owner_id,
            account_id=doing.run_id,
            currency=self.currency,
            nickname=self.nickname,
            initial_deposit=self.initial_deposit,
            country=rules.country,
            bank_code=rules.bank_code,
            max_accounts=rules.max_accounts,
            time_zone=doing.rules.time_zone,
            opened_by=doing.asked_by,
            request_id=doing.actor.request_id,
        )

    def _note(self, unit: UnitOfWork, doing: Doing, account: Account) -> None:
        details = {**self.body(), "initial_deposit": str(self.initial_deposit)}
        if doing.approval_id is not None:
            details["approval_id"] = str(doing.approval_id)
        record(
            unit.session,
            doing.actor,
            "account.open",
            subject_type="account",
            subject_id=account.id,
            details=details,
        )
