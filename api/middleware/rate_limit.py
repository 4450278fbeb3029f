"""How often one may come: per address and e-mail on public routes, per user on all others.

Public routes are limited by slowapi's decorators (few requests, each already slow by bcrypt). A
user's requests are counted here: every process counts by itself and exchanges its counts with
Redis in the background, many users in one round trip, so that no request ever waits for Redis.
A process that cannot reach Redis goes on with its own counts.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar
from uuid import UUID

from limits import RateLimitItem, parse
from redis.asyncio import Redis
from redis.exceptions import RedisError
from slowapi import Limiter
from starlette.requests import Request

from api.middleware.addresses import client_address
from core.foundation.config import Settings, get_settings
from core.foundation.errors import TooMany
from core.foundation.logging import describe, get_logger

log = get_logger(__name__)

REDIS_TIMEOUT_SECONDS: Final = 0.25
MAX_WINDOWS: Final = 50_000
KEY_PREFIX: Final = "giro:limit:user:"


def address_of(request: Request) -> str:
    """The client's address, as the server or a trusted proxy reports it."""
    return client_address(request) or "unknown"


def address_and_email(request: Request) -> str:
    """One key for one address guessing one user's password."""
    return f"{address_of(request)}|{getattr(request.state, 'email', '')}"


def _make_limiter(settings: Settings) -> Limiter:
    # slowapi blocks the event loop while it asks, so it must not ask for long.
    options: Any = dict.fromkeys(
        ("socket_connect_timeout", "socket_timeout"), REDIS_TIMEOUT_SECONDS
    )
    return Limiter(
        key_func=address_of,
        storage_uri=settings.redis_url,
        storage_options=options,
        in_memory_fallback_enabled=True,
        enabled=settings.rate_limit_enabled,
        key_prefix="giro:limit",
    )


limiter = _make_limiter(get_settings())
Handler = TypeVar("Handler", bound=Callable[..., Any])
# The handler must take ``request``. Guessing one password is limited tighter than calling.
limit_login: Callable[[Handler], Handler] = limiter.shared_limit(
    get_settings().rate_limit_login, scope="login", key_func=address_and_email
)


@limiter.shared_limit(get_settings().rate_limit_public, scope="public")
async def limit_address(request: Request) -> None:
    """Count a public request of its address. Raises RateLimitExceeded."""
    # One limit of a request ends slowapi's interest in it; that of logins is yet to come.
    request.state._rate_limiting_complete = False


def limit_public(handler: Handler) -> Handler:
    """Decorate a handler that anybody may call: its address is counted before its body is read."""
    vars(handler)["limited_publicly"] = True
    return handler


def is_public(handler: Callable[..., Any]) -> bool:
    """Whether the handler is one of ``limit_public``."""
    return getattr(handler, "limited_publicly", False)


class _Window:
    """One user's count in the present window: what all processes told, and what we did not yet."""

    __slots__ = ("number", "shared", "untold")

    def __init__(self, number: int) -> None:
        self.number = number
        self.shared = 0
        self.untold = 0


class UserRateLimit:
    """Fixed windows per user, ``limit`` in the notation of the limits library (``600/minute``)."""

    def __init__(self, redis: "Redis", limit: str, *, enabled: bool = True) -> None:
        item: RateLimitItem = parse(limit)
        self._redis = redis
        self._enabled = enabled
        self._amount: int = item.amount
        self._seconds: int = item.get_expiry()
        self._windows: dict[UUID, _Window] = {}
        self._untold: set[UUID] = set()
        self._exchange: asyncio.Task[None] | None = None

    def hit(self, user_id: UUID) -> None:
        """Count one request of the user. Raises TooMany with the seconds until the next window."""
        if not self._enabled:
            return
        now = time.time()
        number = int(now // self._seconds)
        window = self._windows.get(user_id)
        if window is None or window.number != number:
            if len(self._windows) >= MAX_WINDOWS:
                self._windows.clear()
            window = self._windows[user_id] = _Window(number)
        if window.shared + window.untold >= self._amount:
            raise TooMany(retry_after_seconds=int((number + 1) * self._seconds - now) + 1)
        window.untold += 1
        self._untold.add(user_id)
        if self._exchange is None or self._exchange.done():
            self._exchange = asyncio.create_task(self._exchange_counts())

    async def _exchange_counts(self) -> None:
        while self._untold:
            users, self._untold = list(self._untold), set()
            told = [(user, w, w.untold) for user in users if (w := self._windows.get(user))]
            pipeline = self._redis.pipeline(transaction=False)
            for user, window, count in told:
                key = f"{KEY_PREFIX}{user}:{window.number}"
                pipeline.incrby(key, count)
                pipeline.expire(key, self._seconds)
            try:
                totals = (await pipeline.execute())[::2]
            except (RedisError, OSError) as error:
                log.warning("rate_limit_counts_alone", error=describe(error))
                await asyncio.sleep(1.0)
                return
            for (_, window, count), total in zip(told, totals, strict=True):
                window.shared = total
                window.untold -= count
