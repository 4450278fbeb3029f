"""Account locks in Redis: which worker is settling which accounts.

A lock is a hint, never the authority: it keeps workers from queueing on the same database rows.
PostgreSQL's row locks and guards keep the money right even when every lock is deleted while held.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import Final
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.logging import get_logger

log = get_logger(__name__)

# Names travel as one string of 16-byte ids: thousands of separate keys would cost more to send
# than to lock. ARGV: token, time-to-live in ms, ids, and for a claim how many to take.
#
# A claim reads the ids as pairs, one pair for each claimant in order (the same id twice where it
# needs only one). A claimant is taken when both its ids are free or ours; an id that a claimant
# left behind needs is closed to all who come later.
_CLAIM: Final = """
local token, ttl, ids, limit = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local ours, closed, taken, locked = {}, {}, {}, {}
local function free(id)
  if closed[id] then return false end
  if ours[id] then return true end
  if not redis.call('SET', KEYS[1] .. id, token, 'NX', 'PX', ttl) then return false end
  ours[id] = true
  locked[#locked + 1] = id
  return true
end
for at = 1, #ids, 32 do
  local first, second = string.sub(ids, at, at + 15), string.sub(ids, at + 16, at + 31)
  if free(first) and free(second) then
    taken[#taken + 1] = (at - 1) / 32
    if #taken == limit then break end
  else
    closed[first], closed[second] = true, true
  end
end
return {taken, table.concat(locked)}
"""
_RELEASE: Final = """
for at = 1, #ARGV[3], 16 do
  local key = KEYS[1] .. string.sub(ARGV[3], at, at + 15)
  if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
end
"""
_EXTEND: Final = """
for at = 1, #ARGV[3], 16 do
  local key = KEYS[1] .. string.sub(ARGV[3], at, at + 15)
  if redis.call('GET', key) == ARGV[1] then redis.call('PEXPIRE', key, ARGV[2]) end
end
"""
PREFIX: Final = "giro:lock:"


@dataclass(frozen=True, slots=True)
class Held:
    """What one claim took: the places of the claimants, and the ids locked for them, packed."""

    taken: Sequence[int]
    locked: bytes
    token: str


class Locks:
    """Locks that live ``ttl_seconds`` unless extended; a holder that dies loses them then."""

    def __init__(self, redis: "Redis", *, ttl_seconds: float) -> None:
        self._ttl_ms = int(ttl_seconds * 1000)
        self._claim = redis.register_script(_CLAIM)
        self._release = redis.register_script(_RELEASE)
        self._extend = redis.register_script(_EXTEND)

    @asynccontextmanager
    async def hold(
        self, claimants: Sequence[tuple[UUID, UUID]], *, limit: int
    ) -> AsyncIterator[Held]:
        """Lock for up to ``limit`` claimants, in order, those that are free; release at the end.

        Never waits. When Redis cannot be asked, the first ``limit`` are taken without a lock:
        settlement must go on, and the database decides.
        """
        held = await self._take(claimants, limit)
        keeper = asyncio.create_task(self._keep(held))
        try:
            yield held
        finally:
            keeper.cancel()
            await self._give_back(held)

    async def _take(self, claimants: Sequence[tuple[UUID, UUID]], limit: int) -> Held:
        token = token_hex(16)
        ids = b"".join([first.bytes + second.bytes for first, second in claimants])
        try:
            taken, locked = await self._claim(keys=[PREFIX], args=[token, self._ttl_ms, ids, limit])
        except RedisError as error:
            log.warning("claimed_without_locks", error=repr(error))
            return Held(range(min(limit, len(claimants))), b"", token)
        return Held(taken, locked, token)

    async def _keep(self, held: Held) -> None:
        task = asyncio.current_task()
        # The client may swallow a cancellation that arrives in the middle of a command.
        while held.locked and task is not None and not task.cancelling():
            await asyncio.sleep(self._ttl_ms / 3000)
            with suppress(RedisError):  # a lock lost is no harm: see the module's docstring
                await self._extend(keys=[PREFIX], args=[held.token, self._ttl_ms, held.locked])

    async def _give_back(self, held: Held) -> None:
        if held.locked:
            with suppress(RedisError):  # the time-to-live gives back what this could not
                await self._release(keys=[PREFIX], args=[held.token, self._ttl_ms, held.locked])
