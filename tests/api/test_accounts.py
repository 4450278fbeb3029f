"""Accounts: opened whole or not at all, closed for good, numbered and named by the rules."""

import asyncio

import pytest
from schwifty import IBAN

from core.foundation.database import Database
from core.ledger.numbers import check_digit, is_account_number, make_iban
from tests.bank import Bank

_WRITTEN_BY = """
SELECT a.xmin::text AS account, t.xmin::text AS transaction, array_agg(p.xmin::text) AS postings
FROM accounts a
JOIN transactions t ON t.credit_account_id = a.id
JOIN postings p ON p.transaction_id = t.id
WHERE a.account_number = $1 GROUP BY 1, 2
"""


async def test_the_opening_deposit_is_booked_in_the_accounts_unit_of_work(bank: Bank) -> None:
    customer = await bank.customer()
    with bank.worker_stopped():  # nobody else books it
        account = await customer.open_account("12.50")
        assert await customer.balance(account) == 12.5
        path = f"/accounts/{account['account_number']}/transactions"
        (entry,) = (await customer.get(path)).json()["items"]
    assert (entry["type"], entry["amount"], entry["balance_after"]) == ("deposit", 12.5, 12.5)
    database = Database.from_settings(bank.system.settings, name="test")
    async with database.read() as reader:
        written = await reader.fetchrow(_WRITTEN_BY, account["account_number"])
    await database.close()
    assert written is not None
    assert written["transaction"] == written["account"]
    assert written["postings"] == [written["account"]] * 2


async def test_a_refused_opening_leaves_nothing_behind(bank: Bank) -> None:
    customer = await bank.customer()
    for body in ({"initial_deposit": "1.001"}, {"currency": "XTS", "initial_deposit": 1}):
        assert (await customer.post("/accounts", body)).status_code in {400, 422}
    assert (await customer.get("/accounts")).json()["items"] == []
    assert (await customer.get("/transactions")).json()["items"] == []


async def test_accounts_opened_at_once_have_their_own_numbers_and_one_is_primary(
    bank: Bank,
) -> None:
    customer = await bank.customer()
    opened = await asyncio.gather(*(customer.open_account() for _ in range(20)))
    assert len({account["account_number"] for account in opened}) == 20
    assert len({account["iban"] for account in opened}) == 20
    assert sum(account["is_primary"] for account in opened) == 1


async def test_staff_look_up_the_accounts_of_one_customer(bank: Bank) -> None:
    customer, other = await bank.customer(), await bank.customer()
    first, second = await customer.open_account(), await customer.open_account()
    own = await other.open_account()
    params = {"owner_id": customer.user_id}
    for staff in (await bank.officer(), await bank.admin()):
        found = (await staff.get("/accounts", params=params)).json()["items"]
        assert [account["account_id"] for account in found] == [
            second["account_id"], first["account_id"]
        ]  # fmt: skip
    found = (await other.get("/accounts", params=params)).json()["items"]
    assert [account["account_id"] for account in found] == [own["account_id"]], "never another's"


async def test_everything_about_a_new_account_may_be_left_out_or_null(bank: Bank) -> None:
    customer = await bank.customer()
    nulls = {"initial_deposit": None, "currency": None, "nickname": None}
    for body in ({}, nulls):
        opened = await customer.post("/accounts", body)
        assert opened.status_code == 201
        assert opened.headers["location"] == f"/accounts/{opened.json()['account_id']}"
        assert (opened.json()["balance"], opened.json()["currency"]) == (0, "EUR")
        assert opened.json()["nickname"] is None


async def test_nothing_is_available_on_a_closed_account(bank: Bank) -> None:
    customer, admin = await bank.customer(), await bank.admin()
    account = await customer.open_account()
    path = f"/accounts/{account['account_id']}"
    lent = await admin.put(f"{path}/overdraft", {"overdraft_limit": 50})
    assert lent.json()["available"] == 50
    assert (await admin.delete(path)).status_code == 204
    closed = (await customer.get(path)).json()
    assert (closed["status"], closed["available"], closed["overdraft_limit"]) == ("closed", 0, 0)
    assert (await customer.get(f"{path}/balance")).json()["available"] == 0
    for verb, body in (("freeze", None), ("unfreeze", None), ("overdraft", {"overdraft_limit": 1})):
        refused = await admin.put(f"{path}/{verb}", body)
        assert (refused.status_code, refused.json()["code"]) == (409, "account_state_conflict")


async def test_the_next_account_becomes_primary_when_the_first_closes(bank: Bank) -> None:
    customer, admin = await bank.customer(), await bank.admin()
    first, second = await customer.open_account(), await customer.open_account()
    assert (await admin.delete(f"/accounts/{first['account_id']}")).status_code == 204
    assert (await customer.get(f"/accounts/{second['account_id']}")).json()["is_primary"] is True


async def test_a_transfer_under_way_fails_on_an_account_that_is_frozen_meanwhile(
    bank: Bank,
) -> None:
    payer, payee, admin = await bank.customer(), await bank.customer(), await bank.admin()
    account, other = await payer.open_account(10), await payee.open_account()
    body = {"to_account": other["account_number"], "amount": 4}
    with bank.worker_stopped():
        submitted = await payer.post("/transactions/transfer", body)
        assert submitted.status_code == 202
        await admin.put(f"/accounts/{account['account_id']}/freeze")
    ended = await payer.final(submitted.json()["transaction_id"])
    assert (ended["status"], ended["failure_code"]) == ("failed", "account_frozen")
    assert ended["failure_reason"]
    assert (await payer.balance(account), await payee.balance(other)) == (10, 0)


@pytest.mark.parametrize("value", ["yes", "true", 1])
async def test_primary_is_true_or_false(bank: Bank, value: object) -> None:
    customer = await bank.customer()
    account = await customer.open_account()
    refused = await customer.put(f"/accounts/{account['account_id']}", {"is_primary": value})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "is_primary"


@pytest.mark.parametrize(
    ("country", "bank_code"),
    [("DE", "50010517"), ("NL", "ABNA"), ("AT", "19043"), ("CH", "00762"), ("ES", "21000418")],
)
def test_ibans_are_valid_wherever_the_bank_is(country: str, bank_code: str) -> None:
    digits = "100000001"
    number = digits + check_digit(digits)
    iban = IBAN(make_iban(number, country=country, bank_code=bank_code), validate_bban=False)
    assert iban.country_code == country
    moved = iban.compact[4:] + iban.compact[:4]
    assert int("".join(str(int(char, 36)) for char in moved)) % 97 == 1, "ISO 13616"
    assert number in iban.compact


def test_no_single_wrong_digit_makes_another_account_number() -> None:
    number = "1000000008"
    assert is_account_number(number)
    for place, right in enumerate(number):
        for wrong in set("0123456789") - {right}:
            assert not is_account_number(number[:place] + wrong + number[place + 1 :])
    for other in ("", "100000008", "01000000008", "١٠٠٠٠٠٠٠٠٨", "100000000x", " 000000009"):
        assert not is_account_number(other), other
