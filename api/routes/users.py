"""The caller's own profile and overview."""

from fastapi import APIRouter, Response

from api.dependencies import ActingUser, AnyCaller, Customer, Wired
from api.http.admission import lists
from api.http.paging import MAX_LIMIT, Page
from api.http.responses import no_content, reply
from api.http.strict_json import StrictRoute
from api.schemas.accounts import AccountAnswer
from api.schemas.loans import LoanAnswer
from api.schemas.overview import Overview
from api.schemas.transactions import transaction_answer
from api.schemas.users import ProfileUpdate, UserAnswer
from core.customers.leaving import leave
from core.foundation import clock
from core.identity import users
from core.ledger.accounts import list_accounts
from core.lending.servicing.views import page_of_loans
from core.transactions.views import Filter, page_of_transactions

router = APIRouter(prefix="/users", tags=["Identity"], route_class=StrictRoute)

LATEST_TRANSACTIONS = 10
FIRST_PAGE = Page(MAX_LIMIT, None)


@router.get("/profile", response_model=UserAnswer)
async def show_profile(caller: AnyCaller, services: Wired) -> Response:
    """The caller's profile."""
    async with services.database.read() as reader:
        user = await users.find_user(reader.rows, caller.user_id)
    return reply(UserAnswer.of(user))


@router.put("/profile", response_model=UserAnswer)
async def change_profile(
    body: ProfileUpdate, caller: AnyCaller, actor: ActingUser, services: Wired
) -> Response:
    """Change personal data; fields left out stay, null clears."""
    changes = body.model_dump(exclude_unset=True)
    async with services.database.unit_of_work() as unit:
        user = await users.update_profile(unit.session, caller.user_id, changes, actor)
        await unit.commit()
    return reply(UserAnswer.of(user))


@router.delete("/profile", status_code=204)
async def delete_profile(caller: AnyCaller, actor: ActingUser, services: Wired) -> Response:
    """Leave the bank: accounts close, personal data is forgotten, tokens end.

    Refused while money, a live loan, or a transaction under way is left.
    """
    async with services.database.unit_of_work() as unit:
        await leave(unit, caller.user_id, actor, clock.now())
        await unit.commit()
    return no_content()


@router.get("/overview", response_model=Overview)
@lists
async def overview(caller: Customer, services: Wired) -> Response:
    """Everything at a glance: profile, accounts, loans, the latest transactions.

    Of many accounts the newest, in the order in which they were opened; the cursors lead on in
    `GET /accounts` and `GET /loans`.
    """
    async with services.listings.snapshot() as reader:
        user = await users.find_user(reader.rows, caller.user_id)
        rows = await list_accounts(
            reader.rows,
            owner_id=caller.user_id,
            status=None,
            before_id=None,
            limit=FIRST_PAGE.fetch,
        )
        accounts, more_accounts = FIRST_PAGE.cut(rows, lambda account: [account.id])
        views = await page_of_loans(
            reader,
            owner_id=caller.user_id,
            status=None,
            before_id=None,
            limit=FIRST_PAGE.fetch,
            time_zone=services.settings.time_zone,
        )
        loans, more_loans = FIRST_PAGE.cut(views, lambda view: [view.loan_id])
        latest = await page_of_transactions(
            reader,
            Filter(account_ids=[account.id for account in accounts]),
            limit=LATEST_TRANSACTIONS,
        )
    return reply(
        {
            "profile": UserAnswer.of(user),
            "accounts": [AccountAnswer.of(account) for account in reversed(accounts)],
            "accounts_next_cursor": more_accounts,
            "loans": [LoanAnswer.of(view) for view in loans],
            "loans_next_cursor": more_loans,
            "transactions": [transaction_answer(view) for view in latest],
        }
    )
