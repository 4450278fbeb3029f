"""An admin locks the books through a date; a lock never moves back."""

from datetime import UTC, date, datetime, timedelta

from tests.bank import Bank

PATH = "/admin/accounting/periods"
LONG_AGO = date(2001, 1, 31)


async def test_the_books_are_locked_through_a_date_for_good(bank: Bank) -> None:
    # Given books that are locked through some date, long ago
    admin, officer = await bank.admin(), await bank.officer()
    items = (await admin.get(PATH)).json()["items"]
    first = date.fromisoformat(items[0]["locked_through"]) if items else LONG_AGO
    body = {"locked_through": str(first + timedelta(days=1)), "reason": "It is reported"}
    # When an admin locks a day more, twice
    locked = await admin.put(PATH, body)
    again = await admin.put(PATH, {"locked_through": body["locked_through"]})
    # Then it is one lock, the latest
    assert locked.status_code == 200, locked.text
    assert locked.json()["sealed"] is True
    assert {name: locked.json()[name] for name in body} == body
    assert again.json() == locked.json()
    page = (await admin.get(PATH, params={"limit": 1})).json()
    assert page["items"] == [locked.json()]
    rest = await admin.get(PATH, params={"cursor": page["next_cursor"]}) if items else None
    assert rest is None or rest.json()["items"] == items[:50]
    # And it does not move back, nor beyond yesterday, nor by an officer's hand
    back = await admin.put(PATH, {"locked_through": str(first)})
    assert (back.status_code, back.json()["code"]) == (409, "period_locked")
    ahead = datetime.now(UTC).date() + timedelta(days=400)
    early = await admin.put(PATH, {"locked_through": str(ahead)})
    assert (early.status_code, early.json()["code"]) == (400, "period_not_over")
    assert (await officer.put(PATH, body)).status_code == 403
    assert (await officer.get(PATH)).status_code == 403
    # And the log says who did it
    log = await admin.get("/admin/audit", params={"action": "accounting_period.lock"})
    assert log.json()["items"][0]["subject_id"] == body["locked_through"]


async def test_a_movement_shows_the_date_on_which_the_books_carry_it(bank: Bank) -> None:
    admin, customer = await bank.admin(), await bank.customer()
    account = await customer.open_account(10)
    body = {"account_id": account["account_id"], "amount": 1, "description": "Goodwill"}
    credit = (await admin.post("/transactions/credit", body)).json()
    shown = await customer.final(credit["transaction_id"])
    entries = (await customer.get(f"/accounts/{account['account_id']}/transactions")).json()
    assert shown["value_date"] is None
    # The bank's clock may have been moved ahead by other stories, never back.
    assert date.fromisoformat(shown["accounting_date"]) >= date.fromisoformat(
        shown["settled_at"][:10]
    )
    assert entries["items"][0]["accounting_date"] == shown["accounting_date"]
