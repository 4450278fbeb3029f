"""Every setting of the system, read once from the environment or ``.env``."""

from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MIN_SECRET_BYTES = 32
# Secrets that were published in a document, an example or a tutorial sign nothing worth trusting.
PLACEHOLDER_WORDS = ("secret", "change", "your-", "your_", "example", "placeholder", "password")


class Environment(StrEnum):
    """Where the system runs; production refuses what development forgives."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Settings(BaseSettings):
    """The settings; the environment wins over ``.env``, which wins over the defaults here."""

    # An error message must not show what it refuses: keys and passwords are among it.
    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    environment: Environment = Environment.DEVELOPMENT
    giro_home: Path = Path(".giro")
    log_level: str = "INFO"

    # Stores
    database_url: str = "postgresql://giro:giro@127.0.0.1:5432/giro"
    redis_url: str = "redis://127.0.0.1:6379/0"
    postgres_user: str = "giro"
    postgres_password: str = "giro"  # noqa: S105 - a local default; production sets DATABASE_URL
    postgres_db: str = "giro"
    database_pool_size: Annotated[int, Field(ge=1, le=200)] = 10
    database_timeout_seconds: Annotated[float, Field(gt=0)] = 10.0

    # Tokens
    secret_key: str = ""
    access_token_expire_minutes: Annotated[int, Field(ge=1)] = 30
    refresh_token_expire_days: Annotated[int, Field(ge=1)] = 14
    bcrypt_rounds: Annotated[int, Field(ge=4, le=16)] = 12

    # HTTP
    cors_origins: Annotated[list[str], NoDecode] = []
    rate_limit_enabled: bool = True
    rate_limit_login: str = "30/minute"
    rate_limit_public: str = "1200/minute"
    rate_limit_user: str = "30000/minute"
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1_048_576

    # The bank
    bank_name: str = "Giro Bank"
    bank_country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "DE"
    bank_code: str = "50010517"
    default_currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    self_service_cash: bool | None = None
    cashback_percent: Annotated[Decimal, Field(ge=0, le=100)] = Decimal(2)

    # Settlement
    settlement_batch_size: Annotated[int, Field(ge=1, le=5_000)] = 1_000
    account_lock_ttl_seconds: Annotated[int, Field(ge=1)] = 5
    sweep_after_seconds: Annotated[float, Field(gt=0)] = 2.0
    worker_metrics_host: str = "127.0.0.1"
    worker_metrics_port: Annotated[int, Field(ge=0, le=65_535)] = 0

    # The business day
    time_zone: str = "UTC"
    holiday_country: str = ""
    emi_collection_time: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "01:00"

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        if isinstance(value, str):
            return [origin.strip() for origin in value.split(",") if origin.strip()]
        return value

    @field_validator("database_url")
    @classmethod
    def _plain_scheme(cls, url: str) -> str:
        scheme, separator, rest = url.partition("://")
        if not separator or scheme.partition("+")[0] not in {"postgresql", "postgres"}:
            raise ValueError("DATABASE_URL must be a postgresql:// URL")
        return f"postgresql://{rest}"

    @model_validator(mode="after")
    def _refuse_weak_secret(self) -> Self:
        if self.environment is not Environment.DEVELOPMENT and is_weak_secret(self.secret_key):
            raise ValueError(
                f"SECRET_KEY must be at least {MIN_SECRET_BYTES} bytes and no known placeholder "
                "outside development; `openssl rand -hex 32` makes one"
            )
        return self

    @property
    def cash_desk_open(self) -> bool:
        """Whether customers may deposit and withdraw cash themselves; off in production."""
        if self.self_service_cash is None:
            return self.environment is Environment.DEVELOPMENT
        return self.self_service_cash


def is_weak_secret(secret: str) -> bool:
    """Whether a signing key is too short, a known placeholder, or one character repeated."""
    lowered = secret.lower()
    return (
        len(secret.encode()) < MIN_SECRET_BYTES
        or len(set(secret)) < 8
        or any(word in lowered for word in PLACEHOLDER_WORDS)
    )


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read on first use."""
    return Settings()
