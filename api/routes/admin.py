"""Administration: users, countries, currencies."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.approving import PROPOSED, perform
from api.dependencies import KEY_HEADER, ActingUser, Admin, Wired, idempotency_key
from api.http.admission import lists
from api.http.headers import shown
from api.http.paging import Paging
from api.http.responses import reply
from api.http.strict_json import StrictRoute
from api.schemas.admin import (
    Currencies,
    CurrencyAnswer,
    CurrencyChange,
)
from api.schemas.users import (
    Countries,
    CountryAnswer,
    CountryChange,
    NewUser,
    StandingChange,
    UserAnswer,
    Users,
)
from core.approvals.staff import NewStaff, RoleChange
from core.foundation.errors import UserNotFound
from core.foundation.ids import expect_id
from core.identity import countries, users
from core.identity.tables import Role, UserStatus
from core.identity.users import PersonalData, UserFilter
from core.ledger import currencies

router = APIRouter(prefix="/admin", tags=["Administration"], route_class=StrictRoute)

CountryCode = Annotated[str, Path(max_length=16)]
CurrencyPath = Annotated[str, Path(max_length=16)]


@router.post(
    "/users",
    status_code=201,
    response_model=UserAnswer,
    responses={201: shown("Idempotent-Replayed"), **PROPOSED},
    openapi_extra=KEY_HEADER,
)
async def make_user(
    request: Request, body: NewUser, _: Admin, actor: ActingUser, services: Wired
) -> Response:
    """Make a user of any role; in production a second person approves new staff."""
    person = body.model_dump(exclude={"email", "password", "role", "idempotency_key"})
    new = await users.prepare(
        services.database,
        services.passwords,
        email=body.email,
        password=body.password,
        person=PersonalData(**person),
        role=body.role,
        whose=actor.ip,
    )
    key = idempotency_key(request, body.idempotency_key)
    done = await perform(request, services, NewStaff(new), key)
    if isinstance(done, Response):
        return done
    headers = {"idempotent-replayed": "true"} if done.replayed else None
    return reply(UserAnswer.of(done.made), status=201, headers=headers)


@router.get("/users", response_model=Users)
@lists
async def list_users(
    _: Admin,
    services: Wired,
    page: Paging,
    role: Role | None = None,
    status: UserStatus | None = None,
    email: Annotated[str | None, Query(max_length=254, description="A part of it")] = None,
) -> Response:
    """All users, the newest first."""
    async with services.listings.read() as reader:
        rows = await users.list_users(
            reader.rows,
            UserFilter(role=role, status=status, email=email),
            before_id=page.after_id(),
            limit=page.fetch,
        )
    shown, next_cursor = page.cut(rows, lambda user: [user.id])
    return reply({"items": [UserAnswer.of(user) for user in shown], "next_cursor": next_cursor})


@router.get("/users/{user_id}", response_model=UserAnswer)
async def show_user(user_id: str, _: Admin, services: Wired) -> Response:
    """One user."""
    async with services.database.read() as reader:
        user = await users.find_user(reader.rows, expect_id(user_id, UserNotFound))
    return reply(UserAnswer.of(user))


@router.put("/users/{user_id}", response_model=UserAnswer, responses=PROPOSED)
async def change_user(
    request: Request,
    user_id: str,
    body: StandingChange,
    _: Admin,
    actor: ActingUser,
    services: Wired,
) -> Response:
    """Change role or status; the user's tokens end. In production two decide on a role."""
    known = expect_id(user_id, UserNotFound)
    if body.role is not None:
        act = RoleChange(known, body.role, body.status)
        done = await perform(request, services, act)
        return done if isinstance(done, Response) else reply(UserAnswer.of(done.made))
    async with services.database.unit_of_work() as unit:
        user = await users.change_standing(
            unit.session, known, role=None, status=body.status, actor=actor
        )
        await unit.commit()
    return reply(UserAnswer.of(user))


@router.get("/countries", response_model=Countries)
@lists
async def list_countries(_: Admin, services: Wired, page: Paging) -> Response:
    """The countries by code, and whether the bank serves their residents."""
    async with services.listings.read() as reader:
        rows = await countries.list_countries(
            reader.rows, after_code=page.after_code(), limit=page.fetch
        )
    shown, next_cursor = page.cut(rows, lambda country: [country.code])
    return reply({"items": [CountryAnswer.of(row) for row in shown], "next_cursor": next_cursor})


@router.put("/countries/{code}", response_model=CountryAnswer)
async def set_country(
    code: CountryCode, body: CountryChange, _: Admin, actor: ActingUser, services: Wired
) -> Response:
    """Serve a country's residents, or no more; a new code needs a name."""
    async with services.database.unit_of_work() as unit:
        country = await countries.set_country(
            unit.session, code, allowed=body.allowed, name=body.name, actor=actor
        )
        await unit.commit()
    return reply(CountryAnswer.of(country))


@router.get("/currencies", response_model=Currencies)
@lists
async def list_currencies(_: Admin, services: Wired, page: Paging) -> Response:
    """The currencies by code, and whether accounts may be opened in them."""
    async with services.listings.read() as reader:
        rows = await currencies.list_currencies(
            reader.rows, after_code=page.after_code(), limit=page.fetch
        )
    shown, next_cursor = page.cut(rows, lambda currency: [currency.code])
    return reply({"items": [CurrencyAnswer.of(row) for row in shown], "next_cursor": next_cursor})


@router.put("/currencies/{code}", response_model=CurrencyAnswer)
async def set_currency(
    code: CurrencyPath,
    body: CurrencyChange,
    _: Admin,
    actor: ActingUser,
    services: Wired,
) -> Response:
    """Allow new accounts in a currency, or no more."""
    async with services.database.unit_of_work() as unit:
        currency = await currencies.set_enabled(
            unit.session, code, enabled=body.enabled, actor=actor
        )
        await unit.commit()
    return reply(CurrencyAnswer.of(currency))
