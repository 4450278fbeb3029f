"""The life of tokens: rotation, theft, logout, another password; the end counts at once."""

import asyncio
from typing import Any

import httpx2

from ops.run import processes
from tests.bank import PASSWORD, Bank, Person
from tests.system import free_port


async def pair_of(bank: Bank, person: Person, password: str = PASSWORD) -> dict[str, Any]:
    answer = await bank.client.post(
        "/auth/login", json={"email": person.email, "password": password}
    )
    assert answer.status_code == 200, answer.text
    pair: dict[str, Any] = answer.json()
    return pair


async def status_with(bank: Bank, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return (await bank.client.get("/users/profile", headers=headers)).status_code


async def refresh(bank: Bank, token: str) -> httpx2.Response:
    return await bank.client.post("/auth/refresh", json={"refresh_token": token})


async def test_a_refresh_token_buys_a_new_pair_once(bank: Bank) -> None:
    first = await pair_of(bank, await bank.customer())
    answer = await refresh(bank, first["refresh_token"])
    assert answer.status_code == 200
    second = answer.json()
    assert second["refresh_token"] != first["refresh_token"]
    assert await status_with(bank, second["access_token"]) == 200


async def test_a_stolen_refresh_token_ends_the_session_for_both(bank: Bank) -> None:
    first = await pair_of(bank, await bank.customer())
    second = (await refresh(bank, first["refresh_token"])).json()
    reused = await refresh(bank, first["refresh_token"])
    assert (reused.status_code, reused.json()["code"]) == (401, "invalid_token")
    assert (await refresh(bank, second["refresh_token"])).status_code == 401
    assert await status_with(bank, second["access_token"]) == 401


async def test_parallel_refreshes_with_one_token_never_both_win(bank: Bank) -> None:
    first = await pair_of(bank, await bank.customer())
    answers = await asyncio.gather(*(refresh(bank, first["refresh_token"]) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers).count(200) <= 1


async def test_a_made_up_refresh_token_is_refused(bank: Bank) -> None:
    assert (await refresh(bank, "x" * 43)).status_code == 401


async def test_logout_ends_the_session_and_leaves_the_other_one(bank: Bank) -> None:
    customer = await bank.customer()
    phone, laptop = await pair_of(bank, customer), await pair_of(bank, customer)
    headers = {"Authorization": f"Bearer {phone['access_token']}"}
    assert (await bank.client.post("/auth/logout", headers=headers)).status_code == 204
    assert await status_with(bank, phone["access_token"]) == 401
    assert (await refresh(bank, phone["refresh_token"])).status_code == 401
    assert await status_with(bank, laptop["access_token"]) == 200


async def test_another_password_ends_every_session(bank: Bank) -> None:
    customer = await bank.customer()
    other = await pair_of(bank, customer)
    new = "an entirely different secret"
    body = {"current_password": PASSWORD, "new_password": new}
    assert (await customer.post("/auth/password", body)).status_code == 204
    assert await status_with(bank, customer.token) == 401
    assert await status_with(bank, other["access_token"]) == 401
    assert (await refresh(bank, other["refresh_token"])).status_code == 401
    old = await bank.client.post(
        "/auth/login", json={"email": customer.email, "password": PASSWORD}
    )
    assert old.status_code == 401
    assert (await pair_of(bank, customer, new))["access_token"]


async def test_changing_the_password_needs_the_present_one_and_a_good_new_one(bank: Bank) -> None:
    customer = await bank.customer()
    wrong = await customer.post(
        "/auth/password", {"current_password": "guess guess", "new_password": "long enough 1"}
    )
    assert (wrong.status_code, wrong.json()["code"]) == (400, "wrong_password")
    weak = await customer.post(
        "/auth/password", {"current_password": PASSWORD, "new_password": "short"}
    )
    assert (weak.status_code, weak.json()["errors"][0]["field"]) == (422, "new_password")
    assert await status_with(bank, customer.token) == 200


async def test_blocking_and_another_role_end_the_tokens(bank: Bank) -> None:
    admin = await bank.admin()
    for change in ({"status": "blocked"}, {"role": "officer"}):
        customer = await bank.customer()
        answer = await admin.put(f"/admin/users/{customer.user_id}", change)
        assert answer.status_code == 200
        assert await status_with(bank, customer.token) == 401


async def test_logging_out_counts_at_once_in_every_process(bank: Bank) -> None:
    port = free_port()
    bank.system.spawn("second api", processes.api("127.0.0.1", port))
    bank.system.wait_until_ready(port)
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as second:
            customer = await bank.customer()
            headers = {"Authorization": f"Bearer {customer.token}"}
            assert (await second.get("/users/profile", headers=headers)).status_code == 200
            assert (await customer.post("/auth/logout")).status_code == 204
            assert (await second.get("/users/profile", headers=headers)).status_code == 401
    finally:
        bank.system.kill("second api")
