"""Customers' accounts: opening, reading, settings, standing, closing."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic_core import PydanticCustomError

from api.approving import PROPOSED, perform, perform_own
from api.dependencies import (
    KEY_HEADER,
    ActingUser,
    Admin,
    AnyCaller,
    Customer,
    Wired,
    idempotency_key,
)
from api.http.admission import lists
from api.http.headers import shown
from api.http.instants import InstantQuery, beginning, end
from api.http.paging import Paging
from api.http.responses import no_content, reply
from api.http.strict_json import StrictRoute
from api.schemas.accounts import (
    AccountAnswer,
    AccountChange,
    AccountOpening,
    Accounts,
    BalanceAnswer,
    Entries,
    EntryAnswer,
    OverdraftChange,
)
from api.schemas.fields import to_decimal
from core.approvals import accounts as account_deeds
from core.approvals.accounts import Overdraft
from core.approvals.openings import Opening
from core.audit.log import Actor
from core.foundation import clock
from core.foundation.errors import InvalidAmount
from core.foundation.money import minor_units, to_major
from core.ledger import accounts
from core.ledger.balances import AccountStatus
from core.ledger.directory import balance_before
from core.ledger.tables import Account
from core.reporting.entries import EntryFilter, entries_of

AmountQuery = Annotated[
    str | None, Query(max_length=40, description="Major units, of credits and debits alike")
]

router = APIRouter(prefix="/accounts", tags=["Accounts"], route_class=StrictRoute)


@router.post(
    "",
    status_code=201,
    response_model=AccountAnswer,
    responses={201: shown("Location"), **PROPOSED},
    openapi_extra=KEY_HEADER,
)
async def open_an_account(
    request: Request,
    caller: AnyCaller,
    services: Wired,
    body: AccountOpening | None = None,
) -> Response:
    """Open an account, for oneself or as staff for a customer.

    Its opening deposit is booked before the answer.
    """
    asked = body or AccountOpening()
    wanted = Opening.asked_by(
        caller.user_id,
        is_staff=caller.is_staff,
        owner_id=asked.owner_id,
        currency=asked.currency or services.settings.default_currency,
        nickname=asked.nickname,
        initial_deposit=asked.initial_deposit,
    )
    do = perform if caller.is_staff else perform_own
    done = await do(request, services, wanted, idempotency_key(request, asked.idempotency_key))
    if isinstance(done, Response):
        return done
    headers = {"location": f"/accounts/{done.made.id}"}
    if done.replayed:
        headers["idempotent-replayed"] = "true"
    return reply(AccountAnswer.of(done.made), status=201, headers=headers)


@router.get("", response_model=Accounts)
@lists
async def list_accounts(
    caller: AnyCaller,
    services: Wired,
    page: Paging,
    status: AccountStatus | None = None,
    owner_id: Annotated[UUID | None, Query(description="One customer's, for staff")] = None,
) -> Response:
    """The caller's accounts, the newest first; any customer's for officers and admins."""
    async with services.listings.read() as reader:
        rows = await accounts.list_accounts(
            reader.rows,
            owner_id=caller.scope or owner_id,
            status=status,
            before_id=page.after_id(),
            limit=page.fetch,
        )
    shown, next_cursor = page.cut(rows, lambda account: [account.id])
    items = [AccountAnswer.of(account) for account in shown]
    return reply({"items": items, "next_cursor": next_cursor})


@router.get("/{account_id}", response_model=AccountAnswer)
async def show_account(account_id: str, caller: AnyCaller, services: Wired) -> Response:
    """One account, by id or number."""
    async with services.database.read() as reader:
        account = await accounts.find_account(reader.rows, account_id, owner_id=caller.scope)
    return reply(AccountAnswer.of(account))


@router.get("/{account_id}/balance", response_model=BalanceAnswer)
@lists
async def show_balance(
    account_id: str, caller: AnyCaller, services: Wired, at: InstantQuery = None
) -> Response:
    """The balance now, or as it was at an instant."""
    until = end("at", at)
    async with services.listings.read() as reader:
        account = await accounts.find_account(reader.rows, account_id, owner_id=caller.scope)
        balance_minor, available_minor = account.balance_minor, None
        if until is not None:
            balance_minor = await balance_before(reader, account.id, until)
        else:
            available_minor = account.available_minor
    currency = account.currency
    return reply(
        BalanceAnswer(
            account_id=account.id,
            account_number=account.account_number,
            currency=currency,
            balance=to_major(balance_minor, currency),
            available=None if available_minor is None else to_major(available_minor, currency),
            at=beginning("at", at) or clock.now(),
        )
    )


@router.get("/{account_id}/transactions", response_model=Entries)
@lists
async def list_entries(
    account_id: str,
    caller: AnyCaller,
    services: Wired,
    page: Paging,
    order: Annotated[str, Query(pattern="^(asc|desc)$")] = "desc",
    since: Annotated[InstantQuery, Query(alias="from")] = None,
    until: Annotated[InstantQuery, Query(alias="to")] = None,
    timestamp: Annotated[InstantQuery, Query(description="Up to and including it")] = None,
    type: Annotated[str | None, Query(max_length=40)] = None,  # noqa: A002 - the wire's name
    min_amount: AmountQuery = None,
    max_amount: AmountQuery = None,
) -> Response:
    """The account's ledger entries with the balance after each, the newest first."""
    ends = [moment for moment in (end("to", until), end("timestamp", timestamp)) if moment]
    async with services.listings.read() as reader:
        account = await accounts.find_account(reader.rows, account_id, owner_id=caller.scope)
        wanted = EntryFilter(
            since=beginning("from", since),
            until=min(ends, default=None),
            type=type,
            min_amount_minor=_minor("min_amount", min_amount, account),
            max_amount_minor=_minor("max_amount", max_amount, account),
        )
        position = page.position(str, int)
        after = None
        if position is not None:
            booked_at = beginning("cursor", position[0])
            after = (booked_at, position[1]) if booked_at else None
        rows = await entries_of(
            reader,
            account.id,
            wanted,
            oldest_first=order == "asc",
            after=after,
            limit=page.fetch,
        )
    shown, next_cursor = page.cut(rows, lambda entry: [entry.booked_at, entry.entry_no])
    items = [EntryAnswer.of(entry) for entry in shown]
    return reply({"items": items, "next_cursor": next_cursor})


def _minor(name: str, value: str | None, account: Account) -> int | None:
    if value is None:
        return None
    try:
        amount = to_decimal(value)
    except PydanticCustomError as error:
        found = {"field": name, "message": error.message(), "code": InvalidAmount.code}
        raise InvalidAmount(f"{name}: {error.message()}", [found]) from error
    return abs(minor_units(name, amount, account.currency))


@router.put("/{account_id}", response_model=AccountAnswer)
async def change_account(
    account_id: str, body: AccountChange, caller: Customer, services: Wired
) -> Response:
    """Change the nickname, or make it the primary account."""
    changes = body.model_dump(exclude_unset=True)
    async with services.database.unit_of_work() as unit:
        account = await accounts.change(unit.session, account_id, caller.user_id, changes)
        await unit.commit()
    return reply(AccountAnswer.of(account))


@router.put("/{account_id}/freeze", response_model=AccountAnswer)
async def freeze(account_id: str, _: Admin, actor: ActingUser, services: Wired) -> Response:
    """Stop all movements on the account."""
    return await _set_frozen(services, account_id, actor, frozen=True)


@router.put("/{account_id}/unfreeze", response_model=AccountAnswer)
async def unfreeze(account_id: str, _: Admin, actor: ActingUser, services: Wired) -> Response:
    """Let the account move again."""
    return await _set_frozen(services, account_id, actor, frozen=False)


async def _set_frozen(services: Wired, account_id: str, actor: Actor, *, frozen: bool) -> Response:
    async with services.database.unit_of_work() as unit:
        account = await account_deeds.set_frozen(unit, account_id, actor, frozen=frozen)
        await unit.commit()
    return reply(AccountAnswer.of(account))


@router.put("/{account_id}/overdraft", response_model=AccountAnswer, responses=PROPOSED)
async def set_overdraft(
    request: Request, account_id: str, body: OverdraftChange, _: Admin, services: Wired
) -> Response:
    """Set how far below zero the account may go; above a limit a second person approves it."""
    done = await perform(request, services, Overdraft(account_id, body.overdraft_limit))
    return done if isinstance(done, Response) else reply(AccountAnswer.of(done.made))


@router.delete("/{account_id}", status_code=204)
async def close(account_id: str, _: Admin, actor: ActingUser, services: Wired) -> Response:
    """Close an empty account on which no loan hangs; its history stays."""
    async with services.database.unit_of_work() as unit:
        await account_deeds.close(unit, account_id, actor)
        await unit.commit()
    return no_content()
