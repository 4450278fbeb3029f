"""Slowing down whoever guesses passwords, without locking out whose password it is.

An attempt passes several gates, each a count of attempts that were not right. A gate lets a number
of them pass freely; from then on each further one waits twice as long as the one before, up to the
gate's cap. An attempt is counted when it is admitted, so that many at once are no way around; what
turns out to be right is taken back. While one waits nothing is counted, so that nobody prolongs the
wait of another.

Whose address is known for the user (a login from it was right before) passes a gate of its own,
which no stranger can close. Strangers pass three: of this user and their network, of this user and
all strangers, of all users and their network. An address of an e-mail that nobody has is a
stranger's, and looks the same from outside.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address, ip_network
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.foundation.errors import TooManyAttempts
from core.foundation.logging import describe, get_logger
from core.identity.addresses import IPV6_HOME, home_of

log = get_logger(__name__)

PREFIX: Final = "giro:guess:"
# Of one user from an address that is known, and from a network that is not; of one user from all
# that are not known; of all users from one network: (free attempts, longest wait in seconds).
KNOWN: Final = (30, 60)
STRANGER: Final = (10, 900)
STRANGERS: Final = (100, 30)
NETWORK: Final = (300, 5)
# What is forgotten: a count that was never over its free attempts, and one that was.
QUIET_SECONDS: Final = 3_600
QUIET_OVER_SECONDS: Final = 86_400
MAX_DOUBLINGS: Final = 20
MAX_GATES: Final = 50_000
REDIS_SECONDS: Final = 0.5
REDIS_AWAY_SECONDS: Final = 2.0
IPV4_NETWORK, IPV6_NETWORK = 24, IPV6_HOME

# KEYS: the gates; ARGV: quiet, quiet over, doublings, then free and cap of each. All or nothing.
_ADMIT: Final = """
local t = redis.call('TIME')
local now, wait = t[1] * 1000 + math.floor(t[2] / 1000), 0
for _, key in ipairs(KEYS) do
  wait = math.max(wait, tonumber(redis.call('HGET', key, 'open') or '0') - now)
end
if wait > 0 then return wait end
for i, key in ipairs(KEYS) do
  local over = redis.call('HINCRBY', key, 'n', 1) - tonumber(ARGV[2 + 2 * i])
  if over >= 0 then
    local delay = math.min(2 ^ math.min(over, tonumber(ARGV[3])), tonumber(ARGV[3 + 2 * i]))
    redis.call('HSET', key, 'open', now + delay * 1000)
  end
  redis.call('EXPIRE', key, over >= 0 and ARGV[2] or ARGV[1])
end
return 0
"""
# KEYS: the gates; ARGV: for each its free attempts, and 1 where all of its count is taken back.
_TAKE_BACK: Final = """
for i, key in ipairs(KEYS) do
  if ARGV[2 * i] == '1' then redis.call('DEL', key)
  elseif redis.call('EXISTS', key) == 1 then
    local n = redis.call('HINCRBY', key, 'n', -1)
    if n < tonumber(ARGV[2 * i - 1]) then redis.call('HDEL', key, 'open') end
  end
end
"""


@dataclass(frozen=True, slots=True)
class Gate:
    """One count. ``own``: it is about this user and this place alone, so being right clears it."""

    key: str
    free: int
    cap_seconds: int
    own: bool = False


def gates_of(email: str, address: str | None, *, known: bool) -> list[Gate]:
    """The gates that an attempt on the user of ``email`` from ``address`` passes."""
    user = sha256(email.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    if known and address is not None:
        return [Gate(f"{user}:known:{home_of(address)}", *KNOWN, own=True)]
    network = network_of(address)
    return [
        Gate(f"{user}:{network}", *STRANGER, own=True),
        Gate(f"{user}:strangers", *STRANGERS),
        Gate(f"network:{network}", *NETWORK),
    ]


def network_of(address: str | None) -> str:
    """The network that an address stands for: whoever has one has all of it, more or less."""
    if address is None:
        return "unknown"
    bits = IPV4_NETWORK if ip_address(address).version == 4 else IPV6_NETWORK
    return str(ip_network(f"{address}/{bits}", strict=False))


class _Memory:
    """The counts of this process, which decide while Redis is away; the oldest make room."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: OrderedDict[str, tuple[int, float, float]] = OrderedDict()

    def wait(self, gates: Sequence[Gate]) -> float:
        """The seconds until all of the gates are open; 0 or less where they are."""
        now = self._clock()
        return max(self._find(gate.key, now)[1] - now for gate in gates)

    def count(self, gates: Sequence[Gate]) -> None:
        """Count one attempt at each gate."""
        now = self._clock()
        for gate in gates:
            count, _ = self._find(gate.key, now)
            over = count + 1 - gate.free
            delay = min(2.0 ** min(over, MAX_DOUBLINGS), gate.cap_seconds) if over >= 0 else 0.0
            quiet = QUIET_OVER_SECONDS if over >= 0 else QUIET_SECONDS
            self._counts[gate.key] = (count + 1, now + delay, now + quiet)
            self._counts.move_to_end(gate.key)
        while len(self._counts) > MAX_GATES:
            self._counts.popitem(last=False)

    def take_back(self, gates: Sequence[Gate], *, clear_own: bool) -> None:
        """Uncount one attempt; all of what is the user's own where it was right."""
        now = self._clock()
        for gate in gates:
            if gate.own and clear_own:
                self._counts.pop(gate.key, None)
            elif gate.key in self._counts:
                count, open_at, until = self._counts[gate.key]
                self._counts[gate.key] = (
                    count - 1,
                    now if count - 1 < gate.free else open_at,
                    until,
                )

    def _find(self, key: str, now: float) -> tuple[int, float]:
        count, open_at, until = self._counts.get(key, (0, now, now))
        return (count, open_at) if until > now else (0, now)


class LoginBackoff:
    """Admits attempts at passwords. Counts in Redis, or without it in this process alone."""

    def __init__(self, redis: "Redis | None", *, enabled: bool = True) -> None:
        self._redis = redis
        self._enabled = enabled
        self._memory = _Memory()
        self._redis_back_at = 0.0

    async def admit(self, gates: Sequence[Gate]) -> None:
        """Count one attempt. Raises TooManyAttempts while one of the gates is closed."""
        if not self._enabled:
            return
        limits = [n for gate in gates for n in (gate.free, gate.cap_seconds)]
        wait_ms = await self._ask(
            _ADMIT, gates, [QUIET_SECONDS, QUIET_OVER_SECONDS, MAX_DOUBLINGS, *limits]
        )
        wait = self._memory.wait(gates) if wait_ms is None else wait_ms / 1000
        if wait > 0:
            raise TooManyAttempts(retry_after_seconds=int(wait) + 1)
        # Here, too: a Redis that goes away leaves the counts of this process behind.
        self._memory.count(gates)

    async def was_right(self, gates: Sequence[Gate]) -> None:
        """Take back an attempt that was right, and what was counted of this user from there."""
        await self._take_back(gates, clear_own=True)

    async def was_not_judged(self, gates: Sequence[Gate]) -> None:
        """Take back an attempt that nobody could judge, because something of ours broke."""
        await self._take_back(gates, clear_own=False)

    async def _take_back(self, gates: Sequence[Gate], *, clear_own: bool) -> None:
        if not self._enabled:
            return
        self._memory.take_back(gates, clear_own=clear_own)
        how = [n for gate in gates for n in (gate.free, int(gate.own and clear_own))]
        await self._ask(_TAKE_BACK, gates, how)

    async def _ask(self, script: str, gates: Sequence[Gate], arguments: Sequence[int]) -> Any:
        """What Redis answers; None while it is away, which is asked again after a moment."""
        if self._redis is None or time.monotonic() < self._redis_back_at:
            return None
        keys = [PREFIX + gate.key for gate in gates]
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                asked = self._redis.eval(script, len(keys), *keys, *map(str, arguments))
                answer: Any = await _awaited(asked)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("attempts_counted_alone", error=describe(error))
            self._redis_back_at = time.monotonic() + REDIS_AWAY_SECONDS
            return None
        return answer


async def _awaited(answer: Awaitable[Any] | Any) -> Any:
    return await answer
