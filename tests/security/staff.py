"""Staff who bank with us, and what they try."""

import secrets
from typing import Any

from tests.bank import PASSWORD, Bank, Person


async def promoted(bank: Bank, customer: Person, role: str = "officer") -> Person:
    """The customer, hired: the same user with a role of the staff."""
    admin = await bank.admin()
    answer = await admin.put(f"/admin/users/{customer.user_id}", {"role": role})
    assert answer.status_code == 200, answer.text
    return await bank.login(customer.email)


async def hired(bank: Bank, role: str, **person: Any) -> Person:
    """A new member of staff with personal data."""
    admin = await bank.admin()
    email = f"{role}-{secrets.token_hex(6)}@example.org"
    body = {"email": email, "password": PASSWORD, "role": role, **person}
    answer = await admin.post("/admin/users", body)
    assert answer.status_code == 201, answer.text
    return await bank.login(email)


def refusal(answer: Any) -> tuple[int, str | None]:
    """Status and code of an answer."""
    return answer.status_code, answer.json().get("code") if answer.content else None
