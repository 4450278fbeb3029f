"""The Redis client of a process, with time limits short enough for a request to survive a stall."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost

CONNECT_TIMEOUT_SECONDS = 0.5
ANSWER_TIMEOUT_SECONDS = 0.75


def connect(url: str) -> Redis:
    """A client of its own pool; close it with ``aclose``."""
    client: Redis = Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
        socket_timeout=ANSWER_TIMEOUT_SECONDS,
        # One reconnect hides a server that was restarted; more would hide one that is down. One
        # that hangs is not asked again: settlement asks thrice a batch, and goes on without it.
        retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionLost,)),
        health_check_interval=15,
    )
    return client
