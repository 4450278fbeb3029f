"""Logging in: tokens as the contract describes them, and nothing for those who guess."""

import base64
import json
import secrets
import statistics
import time
from typing import Any

import jwt
import pytest

from tests.bank import PASSWORD, Bank


def decoded(token: str, key: str) -> dict[str, Any]:
    return jwt.decode(token, key, algorithms=["HS256"], audience="giro")


async def test_login_answers_a_token_pair_with_the_promised_claims(bank: Bank) -> None:
    customer = await bank.customer()
    answer = await bank.client.post(
        "/auth/login", json={"email": customer.email, "password": PASSWORD}
    )
    assert answer.status_code == 200
    pair = answer.json()
    assert pair["token_type"] == "bearer"
    settings = bank.system.settings
    assert pair["expires_in"] == settings.access_token_expire_minutes * 60
    assert jwt.get_unverified_header(pair["access_token"])["alg"] == "HS256"
    claims = jwt.decode(
        pair["access_token"], settings.secret_key, algorithms=["HS256"], audience="giro"
    )
    assert claims["sub"] == customer.user_id
    assert claims["email"] == customer.email
    assert claims["role"] == "customer"
    assert claims["exp"] - claims["iat"] == pair["expires_in"]
    assert claims["jti"]


async def test_two_tokens_never_share_a_jti(bank: Bank) -> None:
    customer = await bank.customer()
    again = await bank.login(customer.email)
    key = bank.system.settings.secret_key
    first, second = (decoded(token, key)["jti"] for token in (customer.token, again.token))
    assert first != second


async def test_the_password_form_of_the_docs_works_too(bank: Bank) -> None:
    customer = await bank.customer()
    form = {"grant_type": "password", "username": customer.email, "password": PASSWORD}
    answer = await bank.client.post("/auth/token", data=form)
    assert answer.status_code == 200
    assert answer.json()["access_token"]


@pytest.mark.parametrize(
    ("registered", "typed"),
    [
        ("Ana.{}@Example.org", "  ANA.{}@example.ORG "),
        ("jose\u0301.{}@example.org", "jos\u00e9.{}@example.org"),
        ("jos\u00e9.{}@example.org", "jose\u0301.{}@example.org"),
        ("ana.{}@xn--bcher-kva.example", "ana.{}@b\u00fccher.example"),
        ("ana.{}@b\u00fccher.example", "ana.{}@XN--BCHER-KVA.example"),
    ],
)
async def test_an_address_is_the_same_however_it_is_written(
    bank: Bank, registered: str, typed: str
) -> None:
    mark = secrets.token_hex(4)
    body = {"email": registered.format(mark), "password": PASSWORD}
    assert (await bank.client.post("/auth/register", json=body)).status_code == 201
    body["email"] = typed.format(mark)
    assert (await bank.client.post("/auth/register", json=body)).status_code == 409
    assert (await bank.client.post("/auth/login", json=body)).status_code == 200
    form = {"username": body["email"], "password": PASSWORD}
    assert (await bank.client.post("/auth/token", data=form)).status_code == 200


async def test_wrong_password_and_unknown_address_look_and_last_the_same(bank: Bank) -> None:
    customer = await bank.customer()

    async def attempt(email: str) -> tuple[int, dict[str, Any], float]:
        started = time.perf_counter()
        body = {"email": email, "password": "not the password"}
        answer = await bank.client.post("/auth/login", json=body)
        problem = {k: v for k, v in answer.json().items() if k != "request_id"}
        return answer.status_code, problem, time.perf_counter() - started

    known = [await attempt(customer.email) for _ in range(9)]
    unknown = [await attempt("nobody@example.org") for _ in range(9)]
    assert known[0][:2] == unknown[0][:2]
    assert known[0][0] == 401
    assert known[0][1]["code"] == "invalid_credentials"
    # At the tests' cheap hash a skipped verification would still show as a multiple.
    ratio = statistics.median(a[2] for a in known) / statistics.median(a[2] for a in unknown)
    assert 0.2 < ratio < 5


async def test_a_blocked_user_cannot_log_in_and_a_guesser_does_not_learn_it(bank: Bank) -> None:
    customer, admin = await bank.customer(), await bank.admin()
    blocked = await admin.put(f"/admin/users/{customer.user_id}", {"status": "blocked"})
    assert blocked.status_code == 200
    right = await bank.client.post(
        "/auth/login", json={"email": customer.email, "password": PASSWORD}
    )
    wrong = await bank.client.post("/auth/login", json={"email": customer.email, "password": "x"})
    assert (right.status_code, right.json()["code"]) == (403, "user_blocked")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_credentials")


def forged(token: str, key: str, **changes: Any) -> str:
    claims = decoded(token, key)
    kept = {k: v for k, v in {**claims, **changes}.items() if v is not None}
    return jwt.encode(kept, key, algorithm="HS256")


def unsigned(token: str) -> str:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode())
    return f"{header.decode().rstrip('=')}.{token.split('.')[1]}."


async def test_forged_and_spoiled_tokens_open_nothing(bank: Bank) -> None:
    customer = await bank.customer()
    key, token = bank.system.settings.secret_key, customer.token
    spoiled = {
        "nothing": "null",
        "noise": "abc.def.ghi",
        "no signature": unsigned(token),
        "another key": jwt.encode(
            decoded(token, key),
            "k" * 64,
            algorithm="HS256",
        ),
        "another algorithm": jwt.encode(decoded(token, key), key, algorithm="HS512"),
        "expired": forged(token, key, exp=int(time.time()) - 1),
        "no expiry": forged(token, key, exp=None),
        "no session": forged(token, key, sid=None),
        "another session": forged(token, key, sid="01a1fbd0-fb18-718f-8d55-c9ff1c77bbad"),
        "no id": forged(token, key, sub="me"),
    }
    for what, bad in spoiled.items():
        answer = await bank.client.get("/users/profile", headers={"Authorization": f"Bearer {bad}"})
        assert answer.status_code == 401, what
        assert answer.json()["code"] in {"invalid_token", "unauthenticated"}, what
        assert answer.headers["www-authenticate"] == "Bearer", what


async def test_a_role_written_into_a_token_is_not_believed(bank: Bank) -> None:
    customer = await bank.customer()
    key = bank.system.settings.secret_key
    customer.token = forged(customer.token, key, role="admin")
    assert (await customer.get("/admin/reports")).status_code == 403


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Token x"])
async def test_other_kinds_of_authorization_are_refused(bank: Bank, header: str) -> None:
    answer = await bank.client.get("/users/profile", headers={"Authorization": header})
    assert answer.status_code == 401
