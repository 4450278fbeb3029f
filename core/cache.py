"""The Redis client of a process, with time limits short enough for a request to survive a stall."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

CONNECT_TIMEOUT_SECONDS = 1.0
ANSWER_TIMEOUT_SECONDS = 2.0


def connect(url: str) -> Redis:
    """A client of its own pool; close it with ``aclose``."""
    client: Redis = Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
        socket_timeout=ANSWER_TIMEOUT_SECONDS,
        # One reconnect hides a server that was restarted; more would hide one that is down.
        retry=Retry(NoBackoff(), 1),
        health_check_interval=15,
    )
    return client
