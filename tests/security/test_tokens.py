"""Tokens: bound to their session's user, meant for us, signed with a key that may be changed."""

import secrets
import time
from typing import Any
from uuid import uuid4

import jwt
import pytest

from core.foundation.errors import InvalidToken
from core.identity.tokens import AccessTokens, key_id
from tests.bank import Bank, Person
from tests.security.conftest import NEW_KEY

OLD, NEW = secrets.token_hex(32), secrets.token_hex(32)


def issued(tokens: AccessTokens) -> str:
    return tokens.issue(
        user_id=uuid4(), session_id=uuid4(), email="a@b.org", role="customer", lifetime_seconds=60
    )


def claims_of(person: Person) -> dict[str, Any]:
    return jwt.decode(person.token, options={"verify_signature": False})


async def status(bank: Bank, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return (await bank.client.get("/users/profile", headers=headers)).status_code


async def test_a_token_for_another_user_than_its_sessions_opens_nothing(bank: Bank) -> None:
    thief, victim = await bank.customer(), await bank.customer()
    key = bank.system.settings.secret_key
    claims = claims_of(thief)
    assert await status(bank, jwt.encode(claims, key, "HS256")) == 200, "the forgery itself is well"
    claims |= {"sub": victim.user_id, "email": victim.email}
    assert await status(bank, jwt.encode(claims, key, "HS256")) == 401


async def test_a_token_for_another_audience_or_for_none_opens_nothing(bank: Bank) -> None:
    customer = await bank.customer()
    key, claims = bank.system.settings.secret_key, claims_of(customer)
    assert claims["aud"] == "giro"
    assert await status(bank, jwt.encode({**claims, "aud": "payroll"}, key, "HS256")) == 401
    del claims["aud"]
    assert await status(bank, jwt.encode(claims, key, "HS256")) == 401


def test_old_and_new_key_stand_side_by_side_and_only_the_new_one_signs() -> None:
    before = AccessTokens([OLD], lifetime_seconds=60)
    during = AccessTokens([NEW, OLD], lifetime_seconds=60)
    after = AccessTokens([NEW], lifetime_seconds=60)
    old_token, new_token = issued(before), issued(during)
    assert jwt.get_unverified_header(new_token)["kid"] == key_id(NEW) != key_id(OLD)
    assert during.read(old_token).email == during.read(new_token).email == "a@b.org"
    assert after.read(new_token).email == "a@b.org"
    for tokens, token in ((after, old_token), (before, new_token)):
        with pytest.raises(InvalidToken):
            tokens.read(token)


@pytest.mark.parametrize("kid", ["nobody's", "", "../../etc/passwd"])
def test_a_key_that_is_not_in_use_is_not_guessed(kid: str) -> None:
    tokens = AccessTokens([NEW, OLD], lifetime_seconds=60)
    claims = jwt.decode(issued(tokens), options={"verify_signature": False})
    with pytest.raises(InvalidToken):
        tokens.read(jwt.encode(claims, NEW, "HS256", headers={"kid": kid}))


async def test_who_is_logged_in_stays_so_while_the_key_is_changed(
    bank: Bank, guarded: Bank
) -> None:
    customer = await bank.customer()
    assert await status(guarded, customer.token) == 200, "signed with the previous key"
    fresh = await guarded.login(customer.email)
    assert jwt.get_unverified_header(fresh.token)["kid"] == key_id(NEW_KEY)
    assert await status(bank, fresh.token) == 401, "an API that has not heard of the new key yet"


async def test_a_token_lives_no_longer_than_its_session(bank: Bank) -> None:
    claims = claims_of(await bank.officer())
    assert claims["exp"] <= time.time() + 12 * 3600


async def test_a_token_from_a_host_whose_clock_is_ahead_is_as_good_as_any(bank: Bank) -> None:
    customer = await bank.customer()
    key, claims = bank.system.settings.secret_key, claims_of(customer)
    ahead = {**claims, "iat": claims["iat"] + 600, "exp": claims["exp"] + 600}
    assert await status(bank, jwt.encode(ahead, key, "HS256")) == 200
