"""From where somebody comes: the peer's address, or what a trusted proxy says; strangers' words
count for nothing."""

from core.audit.log import AuditFilter, read
from core.foundation.database import Database
from tests.bank import PASSWORD, Bank, Person


async def login_from(bank: Bank, email: str, forwarded: str) -> str | None:
    """The address that a login is recorded with."""
    headers = {"X-Forwarded-For": forwarded}
    body = {"email": email, "password": PASSWORD}
    answer = await bank.client.post("/auth/login", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    person = Person(bank.client, "", email, answer.json()["access_token"])
    items = (await person.get("/auth/sessions")).json()["items"]
    address: str | None = next(item["ip"] for item in items if item["current"])
    return address


async def test_nobody_writes_his_own_address_into_the_audit_log(bank: Bank) -> None:
    customer = await bank.customer()
    assert await login_from(bank, customer.email, "203.0.113.9") == "127.0.0.1"
    database = Database.from_settings(bank.system.settings, name="test")
    async with database.unit_of_work() as unit:
        wanted = AuditFilter(subject_id=customer.user_id)
        entries = await read(unit.session, wanted, before_id=None, limit=10)
    await database.close()
    assert {entry.ip for entry in entries} == {"127.0.0.1"}


async def test_a_trusted_proxy_is_believed_for_the_last_stranger_alone(guarded: Bank) -> None:
    email = (await guarded.customer()).email
    for said, recorded in {
        "203.0.113.9": "203.0.113.9",
        "10.9.8.7, 203.0.113.9": "203.0.113.9",  # the first part is what the stranger wrote
        "203.0.113.9, 127.0.0.1": "203.0.113.9",  # past a second proxy of ours
        "2001:DB8:0::1": "2001:db8::1",
        "::ffff:203.0.113.9": "203.0.113.9",
        "'; DROP TABLE users": None,
    }.items():
        assert await login_from(guarded, email, said) == recorded, said
