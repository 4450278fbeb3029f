"""The settings: what development forgives, production refuses."""

import secrets
from base64 import b64encode
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from core.foundation.config import ApiSettings, Settings
from core.foundation.weak_keys import is_weak_secret
from ops.cli import settings_refused

STRONG = "8d1f6a0c94e7b25310bd4f7298c6ae5d7302f9be1648ca5d0e93b7f2416ad85c"


def settings(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "secret",
    [
        "short",
        "x" * 64,
        "abc" * 20,
        "your-secret-key-that-is-long-enough-1234567890",
        "CHANGE-me-0123456789abcdefghijklmnopq",
        STRONG[:31],
        "0123456789abcdef" * 2,
        "0123456789abcdef" * 4,
        "fedcba9876543210" * 2,
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        "qwertyuiopasdfghjklzxcvbnm123456",
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9",
        "00112233445566778899aabbccddeeff",
        "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
        "9f3c7b1e" * 4,
        "9f3c7b1e55d0" * 3,
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        "thisisaverylongkeythatnobodyknows",
        "my-super-long-signing-key-for-production",
    ],
)
def test_a_weak_secret_is_refused_outside_development(secret: str) -> None:
    assert is_weak_secret(secret)
    with pytest.raises(ValidationError, match="SECRET_KEY"):
        settings(environment="production", secret_key=secret)
    with pytest.raises(ValidationError, match="SECRET_KEY_PREVIOUS"):
        settings(environment="production", secret_key=STRONG, secret_key_previous=secret)
    assert settings(environment="development", secret_key=secret).secret_key == secret


@pytest.mark.parametrize("make", [secrets.token_hex, secrets.token_urlsafe, secrets.token_bytes])
def test_keys_that_a_machine_made_are_welcome(make: Callable[[int], str | bytes]) -> None:
    for _ in range(500):
        made = make(32)
        key = made if isinstance(made, str) else b64encode(made).decode()
        assert not is_weak_secret(key), key


def test_the_key_is_asked_of_the_api_and_not_of_the_workers() -> None:
    assert not settings(environment="production").secret_key
    with pytest.raises(ValidationError, match="SECRET_KEY"):
        ApiSettings(_env_file=None, environment="production")  # type: ignore[call-arg]
    assert ApiSettings(_env_file=None).environment == "development"  # type: ignore[call-arg]


def test_documentation_and_metrics_are_open_in_development_only_unless_told() -> None:
    here, there = settings(), settings(environment="production")
    assert (here.shows_docs, here.shows_metrics) == (True, True)
    assert (there.shows_docs, there.shows_metrics) == (False, False)
    told = settings(environment="production", docs_open=True, metrics_open=True)
    assert (told.shows_docs, told.shows_metrics) == (True, True)


@pytest.mark.parametrize("proxies", ["everybody", "10.0.0.1/8", "10.0.0.0/8,proxy.example"])
def test_a_trusted_proxy_is_an_address_or_a_network(proxies: str) -> None:
    with pytest.raises(ValidationError, match="TRUSTED_PROXIES"):
        settings(trusted_proxies=proxies)
    assert settings(trusted_proxies="10.0.0.0/8, ::1").trusted_proxies == ["10.0.0.0/8", "::1/128"]


def test_a_strong_secret_is_welcome_everywhere() -> None:
    assert settings(environment="production", secret_key=STRONG).secret_key == STRONG


def test_the_refusal_does_not_tell_the_secret() -> None:
    with pytest.raises(ValidationError) as refused:
        settings(environment="production", secret_key="hunter2hunter2")
    assert "hunter2" not in str(refused.value).partition("input_value")[0]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@h:1/d",
        "postgres://u:p@h:1/d",
        "postgresql+asyncpg://u:p@h:1/d",
    ],
)
def test_database_urls_of_any_spelling_become_plain(url: str) -> None:
    assert settings(database_url=url).database_url == "postgresql://u:p@h:1/d"


@pytest.mark.parametrize("url", ["mysql://u@h/d", "sqlite:///x", "nonsense", ""])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="postgresql"):
        settings(database_url=url)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("redis_url", "nonsense"),
        ("redis_url", "http://127.0.0.1:6379"),
        ("log_level", "LOUD"),
        ("time_zone", "Mars/Olympus"),
        ("time_zone", "../../etc/passwd"),
        ("holiday_country", "XX"),
        ("rate_limit_login", "often"),
        ("rate_limit_public", "30"),
        ("rate_limit_user", "30/fortnight"),
        ("bank_country", "ZZ"),
        ("bank_code", "a bank"),
        ("bank_code", "123456789"),
        ("emi_collection_time", "24:00"),
    ],
)
def test_what_would_fail_later_is_refused_at_once_by_its_name(name: str, value: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(**{name: value})
    (line,) = settings_refused(refused.value)
    assert name.upper() in line
    assert "Value error" not in line


def test_settings_of_other_countries_are_welcome() -> None:
    settings(bank_country="NL", bank_code="INGB", time_zone="Asia/Kolkata", holiday_country="IN")
    settings(rate_limit_user="5 per 10 seconds", redis_url="rediss://h:1/2", log_level="debug")


def test_a_variable_that_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "SELF_SERVICE_CASH", "CASHBACK_PERCENT"):
        monkeypatch.setenv(name, "")
    empty = Settings(_env_file=None)
    assert empty == Settings.model_construct()
    assert not empty.model_fields_set


def test_the_cash_desk_is_open_in_development_only_unless_told() -> None:
    assert settings().cash_desk_open
    production = {"environment": "production", "secret_key": STRONG}
    assert not settings(**production).cash_desk_open
    assert settings(**production, self_service_cash=True).cash_desk_open
    assert not settings(self_service_cash=False).cash_desk_open


def test_origins_are_a_list_with_commas() -> None:
    assert settings(cors_origins="https://a.example, https://b.example,").cors_origins == [
        "https://a.example",
        "https://b.example",
    ]
