"""Every setting of the system, read once from the environment or ``.env``."""

from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.foundation.weak_keys import MIN_SECRET_BYTES, is_weak_secret

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
STRONG_KEY = (
    f"must be at least {MIN_SECRET_BYTES} random bytes and no placeholder outside development; "
    "`openssl rand -hex 32` makes one"
)
DATABASE_URLS = (
    "database_url",
    "worker_database_url",
    "auditor_database_url",
    "migration_database_url",
)


class Environment(StrEnum):
    """Where the system runs; production refuses what development forgives."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Settings(BaseSettings):
    """The settings; the environment wins over ``.env``, which wins over the defaults here."""

    # An error message must not show what it refuses: keys and passwords are among it. A variable
    # that is set to nothing counts as not set, as in a copied .env.example.
    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    environment: Environment = Environment.DEVELOPMENT
    giro_home: Path = Path(".giro")
    log_level: str = "INFO"

    # Stores
    database_url: str = "postgresql://giro:giro@127.0.0.1:5432/giro"
    # For the roles of their own: see docs/operating.md. Empty: the same as database_url.
    worker_database_url: str = ""
    auditor_database_url: str = ""
    migration_database_url: str = ""
    redis_url: str = "redis://127.0.0.1:6379/0"
    database_pool_size: Annotated[int, Field(ge=1, le=200)] = 10
    database_timeout_seconds: Annotated[float, Field(gt=0)] = 10.0
    statement_timeout_seconds: Annotated[float, Field(gt=0)] = 10.0
    listing_pool_size: Annotated[int, Field(ge=1, le=200)] = 4
    listing_timeout_seconds: Annotated[float, Field(gt=0)] = 5.0

    # Tokens
    secret_key: str = ""
    secret_key_previous: str = ""
    token_audience: Annotated[str, Field(min_length=1)] = "giro"  # noqa: S105 - no secret
    access_token_expire_minutes: Annotated[int, Field(ge=1)] = 30
    refresh_token_expire_days: Annotated[int, Field(ge=1)] = 14
    session_hours_staff: Annotated[int, Field(ge=1)] = 12
    session_days_customer: Annotated[int, Field(ge=1)] = 30
    bcrypt_rounds: Annotated[int, Field(ge=4, le=16)] = 12

    # What is forgotten, and when
    keep_sessions_days: Annotated[int, Field(ge=1)] = 30
    keep_origins_days: Annotated[int, Field(ge=1)] = 180
    keep_notices_days: Annotated[int, Field(ge=1)] = 400
    keep_idempotency_keys_days: Annotated[int, Field(ge=1)] = 90

    # HTTP
    cors_origins: Annotated[list[str], NoDecode] = []
    trusted_proxies: Annotated[list[str], NoDecode] = []
    docs_open: bool | None = None
    metrics_open: bool | None = None
    metrics_token: str = ""
    rate_limit_enabled: bool = True
    rate_limit_login: str = "30/minute"
    rate_limit_public: str = "1200/minute"
    rate_limit_user: str = "30000/minute"
    max_body_bytes: Annotated[int, Field(ge=1024)] = 16_384
    max_batch_body_bytes: Annotated[int, Field(ge=1024)] = 1_048_576
    max_connections: Annotated[int, Field(ge=1)] = 2_000
    head_timeout_seconds: Annotated[float, Field(gt=0)] = 10.0
    body_timeout_seconds: Annotated[float, Field(gt=0)] = 30.0
    max_running_requests: Annotated[int, Field(ge=1)] = 2_000
    max_running_requests_per_user: Annotated[int, Field(ge=1)] = 200

    # The bank
    bank_name: Annotated[str, Field(min_length=1, max_length=120)] = "Giro"
    bank_address: Annotated[str, Field(max_length=300)] = ""
    bank_phone: Annotated[str, Field(max_length=60)] = ""
    bank_email: Annotated[str, Field(max_length=120)] = ""
    bank_country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "DE"
    bank_code: Annotated[str, Field(pattern=r"^[0-9A-Z]+$")] = "50010517"
    default_currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    self_service_cash: bool | None = None
    cashback_percent: Annotated[Decimal, Field(ge=0, lt=100)] = Decimal(2)
    four_eyes_above: Annotated[Decimal, Field(ge=0)] = Decimal(1_000_000)
    four_eyes_above_credit: Annotated[Decimal, Field(ge=0)] | None = None
    four_eyes_above_debit: Annotated[Decimal, Field(ge=0)] | None = None
    four_eyes_above_reversal: Annotated[Decimal, Field(ge=0)] | None = None
    four_eyes_above_overdraft: Annotated[Decimal, Field(ge=0)] | None = None
    four_eyes_above_settlement: Annotated[Decimal, Field(ge=0)] | None = None
    four_eyes_above_write_off: Annotated[Decimal, Field(ge=0)] | None = None
    four_eyes_above_restructuring: Annotated[Decimal, Field(ge=0)] | None = None
    four_eyes_above_charge: Annotated[Decimal, Field(ge=0)] | None = None
    four_eyes_above_waiver: Annotated[Decimal, Field(ge=0)] | None = None
    four_eyes_above_adjustment: Annotated[Decimal, Field(ge=0)] | None = None
    settlement_floor_percent: Annotated[Decimal, Field(ge=0, le=100)] = Decimal(5)
    max_accounts: Annotated[int, Field(ge=1, le=10_000)] = 50
    adverse_action_notice: str = ""
    max_open_applications: Annotated[int, Field(ge=1, le=10_000)] = 20

    # Settlement
    settlement_batch_size: Annotated[int, Field(ge=1, le=5_000)] = 1_000
    account_lock_ttl_seconds: Annotated[int, Field(ge=1)] = 3
    sweep_after_seconds: Annotated[float, Field(gt=0)] = 2.0
    worker_metrics_host: str = "127.0.0.1"
    worker_metrics_port: Annotated[int, Field(ge=0, le=65_535)] = 0

    # The business day
    time_zone: str = "UTC"
    holiday_country: str = ""
    emi_collection_time: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "01:00"

    @field_validator("cors_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return [item.strip() for item in value.split(",") if item.strip()]
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, proxies: list[str]) -> list[str]:
        try:
            return [str(ip_network(proxy)) for proxy in proxies]
        except ValueError as error:
            raise ValueError(
                "TRUSTED_PROXIES must be addresses or networks such as 10.0.0.0/8"
            ) from error

    @field_validator(*DATABASE_URLS)
    @classmethod
    def _plain_scheme(cls, url: str, field: ValidationInfo) -> str:
        if not url and field.field_name != "database_url":
            return url
        scheme, separator, rest = url.partition("://")
        if not separator or scheme.partition("+")[0] not in {"postgresql", "postgres"}:
            raise ValueError(f"{str(field.field_name).upper()} must be a postgresql:// URL")
        return f"postgresql://{rest}"

    @field_validator("redis_url")
    @classmethod
    def _known_scheme(cls, url: str) -> str:
        if not url.startswith(("redis://", "rediss://")):
            raise ValueError("REDIS_URL must be a redis:// or rediss:// URL")
        return url

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, level: str) -> str:
        if level.upper() not in LOG_LEVELS:
            raise ValueError(f"LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}")
        return level.upper()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, OSError, ValueError) as error:
            raise ValueError("TIME_ZONE must be an IANA name such as Europe/Berlin") from error
        return name

    # What follows asks libraries that are slow to import, and only about what was really set.

    @field_validator("holiday_country")
    @classmethod
    def _known_holidays(cls, country: str) -> str:
        from holidays import list_supported_countries  # noqa: PLC0415

        if country and country not in list_supported_countries():
            raise ValueError("HOLIDAY_COUNTRY must be an ISO 3166 code whose holidays are known")
        return country

    @field_validator("rate_limit_login", "rate_limit_public", "rate_limit_user")
    @classmethod
    def _parsed_limit(cls, limit: str, field: ValidationInfo) -> str:
        from limits import parse  # noqa: PLC0415

        try:
            parse(limit)
        except ValueError as error:
            name = str(field.field_name).upper()
            raise ValueError(f"{name} must read like 30/minute") from error
        return limit

    @model_validator(mode="after")
    def _bank_has_ibans(self) -> Self:
        if self.model_fields_set.isdisjoint({"bank_country", "bank_code"}):
            return self
        import schwifty  # noqa: PLC0415

        try:
            schwifty.IBAN.generate(
                self.bank_country, bank_code=self.bank_code, account_code="1000000016"
            )
        except schwifty.exceptions.SchwiftyException as error:
            raise ValueError(f"BANK_COUNTRY and BANK_CODE make no IBAN: {error}") from error
        return self

    @model_validator(mode="after")
    def _refuse_weak_secret(self) -> Self:
        if self.environment is Environment.DEVELOPMENT:
            return self
        for name in ("secret_key", "secret_key_previous"):
            key = getattr(self, name)
            if key and is_weak_secret(key):
                raise ValueError(f"{name.upper()} {STRONG_KEY}")
        return self

    def as_worker(self) -> Self:
        """The same for a process that settles."""
        return self.model_copy(update={"database_url": self.worker_url})

    @property
    def worker_url(self) -> str:
        """The database for what settles: workers, scheduler, business day."""
        return self.worker_database_url or self.database_url

    @property
    def auditor_url(self) -> str:
        """The database for what only reads: the checks of the books."""
        return self.auditor_database_url or self.database_url

    @property
    def owner_url(self) -> str:
        """The database for the migrations, by the role that owns the tables."""
        return self.migration_database_url or self.database_url

    @property
    def cash_desk_open(self) -> bool:
        """Whether customers may deposit and withdraw cash themselves; off in production."""
        return self._in_development_unless(self.self_service_cash)

    @property
    def shows_docs(self) -> bool:
        """Whether the API's documentation may be read by anybody; off in production."""
        return self._in_development_unless(self.docs_open)

    @property
    def shows_metrics(self) -> bool:
        """Whether the API's metrics may be read without METRICS_TOKEN; off in production."""
        return self._in_development_unless(self.metrics_open)

    def _in_development_unless(self, told: bool | None) -> bool:
        return self.environment is Environment.DEVELOPMENT if told is None else told


class ApiSettings(Settings):
    """The settings of what issues tokens: outside development it needs a key to sign them with."""

    @model_validator(mode="after")
    def _refuse_missing_secret(self) -> Self:
        if self.environment is not Environment.DEVELOPMENT and not self.secret_key:
            raise ValueError(f"SECRET_KEY {STRONG_KEY}")
        return self


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read on first use."""
    return Settings()
