"""Password hashes: bcrypt, on threads of its own.

A hash costs a quarter of a second of computing. On the event loop it would stop every other
request; on the loop's shared threads a wave of logins would starve what else needs a thread.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from passlib.hash import bcrypt

from core.foundation.errors import WeakPassword
from core.foundation.turns import Turns
from core.identity.common_passwords import common_passwords, is_common, is_made_of

MIN_CHARACTERS: Final = 8
# bcrypt ignores what follows: two longer passwords with the same beginning would be the same.
MAX_BYTES: Final = 72
# Turns go round among the addresses that ask, so that nobody waits for another's crowd.
MAX_WAITING: Final = 400
WAITING_EACH: Final = 100
PATIENCE_SECONDS: Final = 15.0

Result = TypeVar("Result")


class Passwords:
    """Hashes and verifies with ``rounds`` as bcrypt's cost (2^rounds iterations)."""

    def __init__(self, *, rounds: int, threads: int | None = None) -> None:
        self._bcrypt = bcrypt.using(rounds=rounds)
        count = threads or max(2, os.cpu_count() or 2)
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="bcrypt")
        self._turns = Turns(
            "bcrypt",
            count,
            max_waiting=MAX_WAITING,
            waiting_each=WAITING_EACH,
            patience_seconds=PATIENCE_SECONDS,
        )
        common_passwords(MIN_CHARACTERS)  # read now, and not during the first request
        # Well formed, of the same cost, and no password's.
        self._dummy_hash = f"$2b${rounds:02d}${'.' * 53}"

    async def hash(
        self, password: str, about: Sequence[str | None] = (), *, whose: str | None = None
    ) -> str:
        """The hash to store, in the turn of ``whose`` address.

        Raises WeakPassword for one that must not be used by the person whom ``about`` tells of
        (e-mail, name), Overloaded where too many wait.
        """
        refuse_weak(password, about)
        return await self._run(whose, self._bcrypt.hash, password)

    async def verify(self, password: str, stored: str | None, *, whose: str | None = None) -> bool:
        """Whether ``password`` is the stored one; takes as long without a stored one.

        Raises Overloaded where too many wait.
        """
        matches = await self._run(whose, self._verify, password, stored or self._dummy_hash)
        return matches and stored is not None

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, whose: str | None, work: Callable[..., Result], *args: str) -> Result:
        async with self._turns.turn(whose):
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    def _verify(self, password: str, stored: str) -> bool:
        if not is_hashable(password):
            # No stored password is like this; spend the time all the same.
            self._bcrypt.verify("", stored)
            return False
        return bool(self._bcrypt.verify(password, stored))


def refuse_weak(password: str, about: Sequence[str | None] = ()) -> None:
    """Raise WeakPassword unless ``password`` is long enough, not too long, not common, and not made
    of what ``about`` tells of its owner."""
    if len(password) < MIN_CHARACTERS:
        raise WeakPassword(f"a password has at least {MIN_CHARACTERS} characters")
    if not is_hashable(password):
        raise WeakPassword(f"a password has at most {MAX_BYTES} bytes in UTF-8, none of them zero")
    if is_common(password, MIN_CHARACTERS):
        raise WeakPassword("this password is among the first that anybody tries")
    if is_made_of(password, about):
        raise WeakPassword("this password is made of your own e-mail address or name, or of ours")


def is_hashable(password: str) -> bool:
    """Whether bcrypt sees the whole of ``password``."""
    try:
        encoded = password.encode()
    except UnicodeEncodeError:
        return False
    return len(encoded) <= MAX_BYTES and 0 not in encoded
