"""What a process of the API holds: its stores, and the doors to the bank."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_hex

from redis.asyncio import Redis

from api.http.crowd import Crowd
from api.middleware.rate_limit import UserRateLimit
from core.documents.press import Press
from core.foundation import cache
from core.foundation.config import Settings
from core.foundation.database import Database
from core.foundation.jobs import Doorbell, Jobs
from core.foundation.logging import get_logger
from core.foundation.turns import Turns
from core.identity.backoff import LoginBackoff
from core.identity.logins import Logins, SessionLife
from core.identity.passwords import Passwords
from core.identity.sessions import Sessions
from core.identity.tokens import AccessTokens
from core.lending.origination.quoting import Quotes
from core.transactions.backlog import BacklogGauges
from core.transactions.intake import Intake
from core.transactions.pressure import BatchGate
from core.transactions.views import TransactionReader
from core.transactions.waiting import Waiters

log = get_logger(__name__)

MAX_WAITING_LISTINGS = 400


@dataclass(frozen=True, slots=True)
class Services:
    """Built once per process, in ``app.state.services``."""

    settings: Settings
    database: Database
    listings: Database
    probe: Database
    crowd: Crowd
    listing_turns: Turns
    redis: "Redis"
    jobs: Jobs
    intake: Intake
    batch_gate: BatchGate
    waiters: Waiters
    transactions: TransactionReader
    passwords: Passwords
    tokens: AccessTokens
    logins: Logins
    sessions: Sessions
    user_limit: UserRateLimit
    quotes: Quotes
    press: Press


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Services]:
    """The services of this process, started; stopped at the end.

    Reaches for no store yet: a process may start before they do, and says 503 meanwhile.
    """
    database = Database.from_settings(
        settings, name="api", statement_timeout_seconds=settings.statement_timeout_seconds
    )
    # What reads much never keeps a movement of money waiting, nor the probe of both.
    listings = Database.from_settings(
        settings,
        name="api-listings",
        pool_size=settings.listing_pool_size,
        statement_timeout_seconds=settings.listing_timeout_seconds,
    )
    probe = Database.from_settings(settings, name="api-probe", pool_size=1)
    redis = cache.connect(settings.redis_url)
    jobs = Jobs(redis, settings.redis_url)
    bell = Doorbell(jobs)
    passwords = Passwords(rounds=settings.bcrypt_rounds)
    tokens = AccessTokens(
        _signing_keys(settings),
        lifetime_seconds=settings.access_token_expire_minutes * 60,
        audience=settings.token_audience,
    )
    quotes = Quotes()
    press = Press()
    waiters = Waiters(redis, database)
    waiters.start()
    gauges = BacklogGauges(database, jobs)
    gauges.start()
    try:
        yield Services(
            settings=settings,
            database=database,
            listings=listings,
            probe=probe,
            crowd=Crowd(
                most=settings.max_running_requests,
                most_each=settings.max_running_requests_per_user,
            ),
            listing_turns=_listing_turns(settings),
            redis=redis,
            jobs=jobs,
            intake=Intake(database, bell),
            batch_gate=BatchGate(database),
            waiters=waiters,
            transactions=TransactionReader(database),
            passwords=passwords,
            tokens=tokens,
            logins=Logins(
                database,
                passwords,
                tokens,
                _session_life(settings),
                LoginBackoff(redis, enabled=settings.rate_limit_enabled),
            ),
            sessions=Sessions(database),
            user_limit=UserRateLimit(
                redis, settings.rate_limit_user, enabled=settings.rate_limit_enabled
            ),
            quotes=quotes,
            press=press,
        )
    finally:
        await gauges.close()
        await waiters.close()
        passwords.close()
        quotes.close()
        press.close()
        await bell.close()
        jobs.close()
        await redis.aclose()
        for each in (probe, listings, database):
            await each.close()


def _listing_turns(settings: Settings) -> Turns:
    return Turns(
        "listings",
        settings.listing_pool_size,
        # One user's slow filters leave room for the others'.
        running_each=max(1, settings.listing_pool_size // 2),
        max_waiting=MAX_WAITING_LISTINGS,
        waiting_each=MAX_WAITING_LISTINGS // 4,
        patience_seconds=settings.database_timeout_seconds,
    )


def _session_life(settings: Settings) -> SessionLife:
    return SessionLife(
        idle=timedelta(days=settings.refresh_token_expire_days),
        customer=timedelta(days=settings.session_days_customer),
        staff=timedelta(hours=settings.session_hours_staff),
    )


def _signing_keys(settings: Settings) -> list[str]:
    """The key that signs, and after it the one whose tokens are still read."""
    previous = [settings.secret_key_previous] if settings.secret_key_previous else []
    if settings.secret_key:
        return [settings.secret_key, *previous]
    # Development alone comes here: a missing key is refused elsewhere.
    log.warning("signing_key_made_up", hint="set SECRET_KEY, or tokens end with this process")
    return [token_hex(32), *previous]
