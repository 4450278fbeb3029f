"""Names and other text that people read hold nothing that cannot be seen."""

import secrets
from typing import Any

import pytest

from core.foundation.readable import is_readable
from ops.commands.create_user import command as create_user
from tests.bank import PASSWORD, Bank

UNSEEN = {
    "a bell": "Asha\aRao",
    "an escape sequence": "Asha \x1b[31mRao",
    "a line break": "Asha\nRao",
    "a C1 control": "Asha\x9bRao",
    "right-to-left override": "Asha \u202eoaR",
    "an isolate": "\u2066Asha\u2069 Rao",
    "a right-to-left mark": "Asha\u200f Rao",
    "a zero-width space": "As\u200bha",
    "a byte order mark": "As\ufeffha",
    "a soft hyphen": "As\u00adha",
    "a paragraph separator": "Asha\u2029Rao",
    "a tag": "Asha\U000e0041",
    "a private character": "Asha\ue000",
}
SEEN = [
    "José Ñandú",
    "आशा क्\u200dषत्रिय",
    "می\u200cخواهم",  # noqa: RUF001 - Persian
    "משה כהן",
    "👩\u200d🚀 Ünal",
    "10\u00a0000 €",
    "O'Neill-Łuczak",
]


@pytest.mark.parametrize("text", UNSEEN.values(), ids=UNSEEN)
def test_what_cannot_be_seen_is_not_readable(text: str) -> None:
    assert not is_readable(text)


@pytest.mark.parametrize("text", SEEN)
def test_the_scripts_of_the_world_are_readable(text: str) -> None:
    assert is_readable(text)


def test_several_lines_are_for_addresses_and_notes_alone() -> None:
    assert is_readable("Unter den Linden 1\n10117 Berlin", lines=True)
    assert not is_readable("Unter den Linden 1\r10117 Berlin", lines=True)


BIDI = "pay \u202e001 RUE\u202c"
DEEDS: list[tuple[str, str, dict[str, Any], str]] = [
    ("PUT", "/users/profile", {"full_name": BIDI}, "full_name"),
    ("PUT", "/users/profile", {"address": BIDI}, "address"),
    ("PUT", "/users/profile", {"id_document": BIDI}, "id_document"),
    ("POST", "/accounts", {"nickname": BIDI}, "nickname"),
    ("POST", "/transactions/deposit", {"amount": 1, "description": BIDI}, "description"),
    ("POST", "/transactions/transfer",
     {"to_account": "1000000019", "amount": 1, "reference": BIDI}, "reference"),
    ("POST", "/transactions/payment", {"amount": 1, "payee": BIDI}, "payee"),
    ("POST", "/loans/apply", {"amount": 100, "tenure_months": 12, "purpose": BIDI}, "purpose"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "body", "field"), DEEDS, ids=[f"{d[1]} {d[3]}" for d in DEEDS]
)
async def test_no_field_that_people_read_takes_it(
    bank: Bank, method: str, path: str, body: dict[str, Any], field: str
) -> None:
    customer = await bank.customer()
    refused = await customer.call(method, path, json=body)
    assert refused.status_code == 422
    assert {"field": field, "code": "unreadable_text"}.items() <= refused.json()["errors"][
        0
    ].items()


async def test_nor_does_registration_or_an_officers_note(bank: Bank) -> None:
    body = {"email": f"{secrets.token_hex(4)}@example.org", "password": PASSWORD}
    refused = await bank.client.post("/auth/register", json={**body, "full_name": BIDI})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "full_name")
    customer, officer = await bank.customer(), await bank.officer()
    address = "Unter den Linden 1\n10117 Berlin"
    changed = await customer.put("/users/profile", {"address": address})
    assert changed.json()["address"] == address
    await customer.open_account()
    apply = {"amount": 1_200, "tenure_months": 12, "monthly_income": 50_000}
    loan = (await customer.post("/loans/apply", apply)).json()["loan_id"]
    refused = await officer.put(f"/loans/{loan}/reject", {"reason": BIDI})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "reason")


def test_nor_does_the_command_line() -> None:
    with pytest.raises(Exception, match="invisible"):
        create_user("a@example.org", "officer", full_name=BIDI)  # type: ignore[arg-type]
