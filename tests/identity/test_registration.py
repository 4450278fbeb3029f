"""Becoming a customer."""

import secrets
from typing import Any

import pytest

from tests.bank import PASSWORD, Bank


def somebody(**fields: Any) -> dict[str, Any]:
    return {"email": f"new-{secrets.token_hex(6)}@example.org", "password": PASSWORD, **fields}


async def test_a_stranger_becomes_a_customer_with_what_he_told(bank: Bank) -> None:
    told = {
        "full_name": "Asha Rao",
        "country": "in",
        "address": "1 Marine Drive, Mumbai",
        "date_of_birth": "1990-05-17",
        "phone": "+91 22 1234 5678",
        "id_document": "P1234567",
    }
    answer = await bank.client.post("/auth/register", json=somebody(**told))
    assert answer.status_code == 201
    user = answer.json()
    assert user["role"] == "customer"
    assert user["status"] == "active"
    assert user["country"] == "IN"
    assert user["id_document"] == "********", "short documents are masked throughout"
    kept = {k: told[k] for k in ("full_name", "address", "date_of_birth", "phone")}
    assert {k: user[k] for k in kept} == kept
    assert "password" not in answer.text


async def test_what_was_not_told_is_null_and_never_missing(bank: Bank) -> None:
    user = (await bank.client.post("/auth/register", json=somebody())).json()
    for name in ("full_name", "country", "address", "date_of_birth", "phone", "id_document"):
        assert user[name] is None


@pytest.mark.parametrize("country", ["KP", "Atlantis", "North Korea", "ZZ"])
async def test_residents_of_countries_not_served_are_refused(bank: Bank, country: str) -> None:
    answer = await bank.client.post("/auth/register", json=somebody(country=country))
    assert answer.status_code == 422
    assert answer.json()["code"] == "country_not_allowed"
    assert answer.json()["errors"][0]["field"] == "country"


async def test_one_address_registers_once_whatever_its_case(bank: Bank) -> None:
    body = somebody()
    assert (await bank.client.post("/auth/register", json=body)).status_code == 201
    shouted = {**body, "email": body["email"].upper()}
    answer = await bank.client.post("/auth/register", json=shouted)
    assert answer.status_code == 409
    assert answer.json()["code"] == "email_taken"


@pytest.mark.parametrize(
    "password", ["short", "12345678", "x" * 73, "é" * 37], ids=["short", "common", "73", "74"]
)
async def test_passwords_that_protect_nothing_are_refused(bank: Bank, password: str) -> None:
    answer = await bank.client.post("/auth/register", json=somebody(password=password))
    assert answer.status_code == 422
    assert answer.json()["code"] == "weak_password"


async def test_a_password_of_72_bytes_is_used_to_its_last_byte(bank: Bank) -> None:
    body = somebody(password="p" * 71 + "1")
    assert (await bank.client.post("/auth/register", json=body)).status_code == 201
    right = await bank.client.post("/auth/login", json=body)
    wrong = await bank.client.post("/auth/login", json={**body, "password": "p" * 71 + "2"})
    assert (right.status_code, wrong.status_code) == (200, 401)


@pytest.mark.parametrize("email", ["nobody", "a@b", "two@at@signs.org", "", "spa ce@x.org", 7])
async def test_what_is_no_address_is_refused(bank: Bank, email: Any) -> None:
    answer = await bank.client.post("/auth/register", json=somebody(email=email))
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["email"]


@pytest.mark.parametrize(
    "birth", ["2999-01-01", "1850-01-01", "yesterday", "1990-02-30", 86400, "1990-01-01T00:00:00Z"]
)
async def test_impossible_dates_of_birth_are_refused(bank: Bank, birth: Any) -> None:
    answer = await bank.client.post("/auth/register", json=somebody(date_of_birth=birth))
    assert answer.status_code == 422


async def test_nobody_registers_as_an_admin(bank: Bank) -> None:
    answer = await bank.client.post("/auth/register", json=somebody(role="admin"))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "role"
