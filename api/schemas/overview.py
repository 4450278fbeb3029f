"""A customer at a glance, on the wire."""

from pydantic import BaseModel

from api.schemas.accounts import AccountAnswer
from api.schemas.loans import LoanAnswer
from api.schemas.transactions import TransactionAnswer
from api.schemas.users import UserAnswer


class Overview(BaseModel):
    """Profile, accounts with balances, loans with what is due next, the latest transactions."""

    profile: UserAnswer
    accounts: list[AccountAnswer]
    accounts_next_cursor: str | None
    loans: list[LoanAnswer]
    loans_next_cursor: str | None
    transactions: list[TransactionAnswer]
