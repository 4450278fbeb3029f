"""Passwords: bcrypt of the configured cost, computed beside the event loop."""

import asyncio
import time

from passlib.hash import bcrypt

from core.foundation.config import Settings
from core.identity.passwords import Passwords

PASSWORD = "correct horse battery staple"


async def test_a_hash_is_bcrypt_of_the_configured_cost_and_salted() -> None:
    rounds = Settings(_env_file=None).bcrypt_rounds
    assert rounds == 12
    passwords = Passwords(rounds=rounds)
    first, second = [await passwords.hash(PASSWORD) for _ in range(2)]
    passwords.close()
    assert first.startswith("$2b$12$")
    assert first != second
    assert bcrypt.verify(PASSWORD, first)
    assert not bcrypt.verify(PASSWORD + "!", first)


async def test_the_event_loop_goes_on_while_a_password_is_hashed() -> None:
    passwords = Passwords(rounds=12)
    hashing = asyncio.create_task(passwords.hash(PASSWORD))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0.005)
        turns += 1
    passwords.close()
    assert turns >= 10, "on the loop itself it would have been one"


async def test_nobodys_password_takes_as_long_as_somebodys() -> None:
    passwords = Passwords(rounds=12)
    stored = await passwords.hash(PASSWORD)

    async def seconds(password: str, known: str | None) -> float:
        started = time.perf_counter()
        assert await passwords.verify(password, known) is (known == stored and password == PASSWORD)
        return time.perf_counter() - started

    somebody = min([await seconds("wrong", stored) for _ in range(3)])
    nobody = min([await seconds("wrong", None) for _ in range(3)])
    unhashable = min([await seconds("x" * 100, stored) for _ in range(3)])
    passwords.close()
    assert 0.5 < nobody / somebody < 2
    assert 0.5 < unhashable / somebody < 2
