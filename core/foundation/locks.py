"""Account locks in Redis: which worker is settling which accounts.

A lock is a hint, never the authority: it keeps workers from queueing on the same database rows.
PostgreSQL's row locks and guards keep the money right even when every lock is deleted while held.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from secrets import token_hex
from time import monotonic
from typing import Final
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.foundation.logging import describe, get_logger

log = get_logger(__name__)

# One hash holds all locks, account id to the token of a claim; a claim lives as long as the key of
# its token. So a thousand locks are taken, extended and given back by a handful of commands: a key
# for each was a fifth of the cost of a settlement. A claim that died leaves fields behind that
# count for nothing, until the next claim on the account writes over them or they are swept out; the
# hash itself ends when nobody claims any more.
#
# A claim's key says for how long it will live, by a clock that may be set back, or was forged. So
# one that is to live for ever, or for more than ``BELIEVED`` times what claims are given, counts as
# dead: at worst two workers meet at a row of the database.
#
# Ids travel as one string of 16 bytes each. ARGV: token, time-to-live in ms, ids, and for a claim
# how many to take, the ids that are closed to it, and how many of the ids each claimant needs, a
# byte each. KEYS: the hash, and what the keys of tokens begin with.
#
# A claimant is taken when all its ids are free or ours; an id that a claimant left behind needs is
# closed to all who come later.
BELIEVED: Final = 2
_ALIVE: Final = f"""
local function alive(holder, ttl)
  local left = redis.call('PTTL', KEYS[2] .. holder)
  return left >= 0 and left <= {BELIEVED} * ttl
end
"""
_CLAIM: Final = (
    _ALIVE
    + """
local chunk = 1000 -- Lua hands no more than a few thousand arguments on at once
local token, ttl, ids, limit = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local asked, wanted, held, closed = {}, {}, {}, {}
for at = 1, #ARGV[5], 16 do closed[string.sub(ARGV[5], at, at + 15)] = true end
for at = 1, #ids, 16 do
  local id = string.sub(ids, at, at + 15)
  asked[#asked + 1] = id
  if held[id] == nil then
    held[id] = false
    wanted[#wanted + 1] = id
  end
end
local known = {}
for from = 1, #wanted, chunk do
  local to = math.min(from + chunk - 1, #wanted)
  local holders = redis.call('HMGET', KEYS[1], unpack(wanted, from, to))
  for place, holder in ipairs(holders) do
    if holder then
      if known[holder] == nil then known[holder] = alive(holder, ttl) end
      held[wanted[from + place - 1]] = known[holder]
    end
  end
end
local ours, taken, locked, fields = {}, {}, {}, {}
local function take(id)
  if not ours[id] then
    ours[id] = true
    locked[#locked + 1] = id
    fields[#fields + 1] = id
    fields[#fields + 1] = token
  end
end
local needs, last = ARGV[6], 0
for place = 1, #needs do
  local first = last + 1
  last = last + string.byte(needs, place)
  local free = true
  for at = first, last do
    if closed[asked[at]] or held[asked[at]] then free = false end
  end
  if free then
    for at = first, last do take(asked[at]) end
    taken[#taken + 1] = place - 1
    if #taken == limit then break end
  else
    for at = first, last do closed[asked[at]] = true end
  end
end
for from = 1, #fields, 2 * chunk do
  redis.call('HSET', KEYS[1], unpack(fields, from, math.min(from + 2 * chunk - 1, #fields)))
end
if #locked > 0 then
  redis.call('SET', KEYS[2] .. token, 1, 'PX', ttl)
  redis.call('PEXPIRE', KEYS[1], ttl * 100)
end
return {taken, table.concat(locked)}
"""
)
_RELEASE: Final = """
local chunk = 1000
local token, ids = ARGV[1], ARGV[3]
for from = 1, #ids, 16 * chunk do
  local locked = {}
  for at = from, math.min(from + 16 * chunk, #ids) - 1, 16 do
    locked[#locked + 1] = string.sub(ids, at, at + 15)
  end
  local ours = {}
  for place, holder in ipairs(redis.call('HMGET', KEYS[1], unpack(locked))) do
    if holder == token then ours[#ours + 1] = locked[place] end
  end
  if #ours > 0 then redis.call('HDEL', KEYS[1], unpack(ours)) end
end
redis.call('DEL', KEYS[2] .. token)
"""
# One page of the hash, without the fields of claims that are dead. ARGV: the page's cursor, then as
# above. Answers the next page's cursor.
_SWEEP: Final = (
    _ALIVE
    + """
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', 500)
local known = {}
for at = 1, #page[2], 2 do
  local holder = page[2][at + 1]
  if known[holder] == nil then known[holder] = alive(holder, tonumber(ARGV[2])) end
  if not known[holder] then redis.call('HDEL', KEYS[1], page[2][at]) end
end
return page[1]
"""
)
SWEEP_EVERY_SECONDS: Final = 60.0
LOCKS: Final = "giro:locks"
CLAIMS: Final = "giro:claim:"


@dataclass(frozen=True, slots=True)
class Taken:
    """What one claim took: the places of the claimants, and the ids locked for them, packed."""

    places: Sequence[int]
    locked: bytes
    token: str


class Locks:
    """Locks that live ``ttl_seconds`` unless extended; a holder that dies loses them then."""

    def __init__(self, redis: "Redis", *, ttl_seconds: float) -> None:
        self.ttl_seconds = ttl_seconds
        self._ttl_ms = int(ttl_seconds * 1000)
        self._claim = redis.register_script(_CLAIM)
        self._release = redis.register_script(_RELEASE)
        self._sweep = redis.register_script(_SWEEP)
        self._swept_at = monotonic()
        self._redis = redis

    @asynccontextmanager
    async def hold(
        self,
        claimants: Sequence[Collection[UUID]],
        *,
        limit: int,
        closed: Collection[UUID] = (),
    ) -> AsyncIterator[Taken]:
        """Lock for up to ``limit`` claimants, in order, those that are free; release at the end.

        Each needs all of its ids, at most 255 of them; they are locked or it is left behind.
        Nobody gets what is ``closed``, nor what a claimant before them is left behind with. Never
        waits. When Redis cannot be asked, the first ``limit`` that may are taken without a lock:
        settlement must go on, and the database decides.
        """
        taken = await self._take(claimants, limit, closed)
        keeper = asyncio.create_task(self._keep(taken))
        try:
            yield taken
        finally:
            keeper.cancel()
            await self._give_back(taken)

    async def sweep(self) -> None:
        """Take out of the hash, now and then, what died with its worker. Cheap to call often."""
        if monotonic() - self._swept_at < SWEEP_EVERY_SECONDS:
            return
        self._swept_at = monotonic()
        await self.sweep_now()

    async def sweep_now(self) -> None:
        """Take out of the hash what died with its worker."""
        cursor = b"0"
        with suppress(RedisError):  # what is left over is swept the next time
            while True:
                cursor = await self._sweep(keys=[LOCKS, CLAIMS], args=[cursor, self._ttl_ms])
                if int(cursor) == 0:
                    return

    async def _take(
        self, claimants: Sequence[Collection[UUID]], limit: int, closed: Collection[UUID]
    ) -> Taken:
        token = token_hex(16)
        ids = b"".join([account.bytes for needed in claimants for account in needed])
        needs = bytes(map(len, claimants))
        shut = b"".join([account.bytes for account in closed])
        try:
            places, locked = await self._claim(
                keys=[LOCKS, CLAIMS], args=[token, self._ttl_ms, ids, limit, shut, needs]
            )
        except RedisError as error:
            log.warning("claimed_without_locks", error=describe(error))
            return Taken(_open_to(claimants, set(closed))[:limit], b"", token)
        return Taken(places, locked, token)

    async def _keep(self, taken: Taken) -> None:
        task = asyncio.current_task()
        # The client may swallow a cancellation that arrives in the middle of a command.
        while taken.locked and task is not None and not task.cancelling():
            await asyncio.sleep(self._ttl_ms / 3000)
            with suppress(RedisError):  # a lock lost is no harm: see the module's docstring
                await self._redis.pexpire(CLAIMS + taken.token, self._ttl_ms)

    async def _give_back(self, taken: Taken) -> None:
        if taken.locked:
            with suppress(RedisError):  # the time-to-live gives back what this could not
                await self._release(
                    keys=[LOCKS, CLAIMS], args=[taken.token, self._ttl_ms, taken.locked]
                )


def _open_to(claimants: Sequence[Collection[UUID]], closed: set[UUID]) -> list[int]:
    """The places of those who need nothing that is closed or left behind, as a claim finds them."""
    taken = []
    for place, needed in enumerate(claimants):
        if closed.isdisjoint(needed):
            taken.append(place)
        else:
            closed.update(needed)
    return taken
