"""What admins do about users, countries and currencies, and what is written down of it."""

import secrets

from tests.bank import PASSWORD, Bank, Person


async def test_an_admin_makes_an_officer_who_can_work(bank: Bank) -> None:
    admin = await bank.admin()
    email = f"officer-{secrets.token_hex(6)}@example.org"
    body = {"email": email, "password": PASSWORD, "role": "officer", "full_name": "Omar"}
    made = await admin.post("/admin/users", body)
    assert made.status_code == 201
    assert (made.json()["role"], made.json()["full_name"]) == ("officer", "Omar")
    officer = await bank.login(email)
    assert (await officer.get("/transactions")).status_code == 200


async def test_users_are_listed_newest_first_and_filtered(bank: Bank) -> None:
    admin = await bank.admin()
    one, two = await bank.customer(), await bank.customer()
    listed = (await admin.get("/admin/users", params={"role": "customer"})).json()["items"]
    ids = [user["user_id"] for user in listed]
    assert ids.index(two.user_id) < ids.index(one.user_id)
    assert {user["role"] for user in listed} == {"customer"}


async def test_a_blocked_user_is_let_in_again(bank: Bank) -> None:
    admin, customer = await bank.admin(), await bank.customer()
    for status in ("blocked", "active"):
        answer = await admin.put(f"/admin/users/{customer.user_id}", {"status": status})
        assert answer.json()["status"] == status
    assert (await bank.login(customer.email)).token


async def test_unknown_users_are_not_found(bank: Bank) -> None:
    admin = await bank.admin()
    for user_id in ("01a1fbd0-fb18-718f-8d55-c9ff1c77bbad", "nobody"):
        answer = await admin.put(f"/admin/users/{user_id}", {"status": "blocked"})
        assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found")


async def serves(bank: Bank, country: str) -> int:
    email = f"new-{secrets.token_hex(6)}@example.org"
    body = {"email": email, "password": PASSWORD, "country": country}
    return (await bank.client.post("/auth/register", json=body)).status_code


async def test_a_country_is_opened_and_closed_again(bank: Bank) -> None:
    admin = await bank.admin()
    assert await serves(bank, "SY") == 422
    opened = await admin.put("/admin/countries/SY", {"allowed": True})
    assert opened.json() == {"code": "SY", "name": "Syria", "allowed": True}
    assert await serves(bank, "SY") == 201
    await admin.put("/admin/countries/SY", {"allowed": False})
    assert await serves(bank, "SY") == 422
    first = (await admin.get("/admin/countries", params={"limit": 200})).json()
    rest = (await admin.get("/admin/countries", params={"cursor": first["next_cursor"]})).json()
    listed = {c["code"]: c for c in [*first["items"], *rest["items"]]}
    assert listed["SY"]["allowed"] is False
    assert listed["DE"] == {"code": "DE", "name": "Germany", "allowed": True}


async def test_a_country_that_did_not_exist_needs_a_name(bank: Bank) -> None:
    admin = await bank.admin()
    unknown = await admin.put("/admin/countries/XK", {"allowed": True})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "country_not_found")
    added = await admin.put("/admin/countries/xk", {"allowed": True, "name": "Kosovo"})
    assert added.json()["code"] == "XK"
    assert await serves(bank, "Kosovo") == 201
    for impossible in ("X1Y", "X1", "ß"):
        answer = await admin.put(
            f"/admin/countries/{impossible}", {"allowed": True, "name": "Nowhere"}
        )
        assert answer.status_code == 404, impossible


async def test_yes_and_no_are_true_and_false(bank: Bank) -> None:
    admin = await bank.admin()
    for path, field in (("/admin/countries/DE", "allowed"), ("/admin/currencies/EUR", "enabled")):
        for value in ("yes", "true", 1, None):
            answer = await admin.put(path, {field: value})
            assert answer.status_code == 422, value
            assert answer.json()["errors"][0]["field"] == field


async def test_a_currency_that_is_turned_off_opens_no_account(bank: Bank) -> None:
    admin, customer = await bank.admin(), await bank.customer()
    off = await admin.put("/admin/currencies/CZK", {"enabled": False})
    assert off.json()["enabled"] is False
    refused = await customer.post("/accounts", {"currency": "CZK"})
    assert (refused.status_code, refused.json()["code"]) == (400, "currency_not_supported")
    await admin.put("/admin/currencies/CZK", {"enabled": True})
    assert (await customer.post("/accounts", {"currency": "czk"})).status_code == 201
    assert (await admin.put("/admin/currencies/QQQ", {"enabled": True})).status_code == 404


async def deeds(admin: Person, **wanted: str) -> list[str]:
    answer = await admin.get("/admin/audit", params=wanted)
    assert answer.status_code == 200
    return [entry["action"] for entry in answer.json()["items"]]


async def test_the_audit_log_tells_who_did_what_to_whom_from_where(bank: Bank) -> None:
    admin, customer = await bank.admin(), await bank.customer()
    await admin.put(
        f"/admin/users/{customer.user_id}",
        {"status": "blocked"},
        headers={"X-Request-ID": "audited-1"},
    )
    answer = await admin.get("/admin/audit", params={"subject_id": customer.user_id, "limit": 1})
    (entry,) = answer.json()["items"]
    assert entry["action"] == "user.standing"
    assert (entry["actor_id"], entry["actor_role"]) == (admin.user_id, "admin")
    assert (entry["subject_type"], entry["subject_id"]) == ("user", customer.user_id)
    assert entry["details"] == {"from": ["customer", "active"], "to": ["customer", "blocked"]}
    assert entry["request_id"] == "audited-1"
    assert entry["ip"] == "127.0.0.1"
    history = await deeds(admin, subject_id=customer.user_id)
    assert history == ["user.standing", "login", "user.register"]


async def test_failed_logins_are_written_down(bank: Bank) -> None:
    admin, customer = await bank.admin(), await bank.customer()
    await bank.client.post("/auth/login", json={"email": customer.email, "password": "guess"})
    assert (await deeds(admin, subject_id=customer.user_id))[0] == "login.failed"
