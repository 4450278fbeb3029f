"""The settings: what development forgives, production refuses."""

import pytest
from pydantic import ValidationError

from core.config import Settings, is_weak_secret

STRONG = "8d1f6a0c94e7b25310bd4f7298c6ae5d7302f9be1648ca5d0e93b7f2416ad85c"


def settings(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "short",
        "x" * 64,
        "abc" * 20,
        "your-secret-key-that-is-long-enough-1234567890",
        "CHANGE-me-0123456789abcdefghijklmnopq",
        STRONG[:31],
    ],
)
def test_a_weak_secret_is_refused_outside_development(secret: str) -> None:
    assert is_weak_secret(secret)
    with pytest.raises(ValidationError, match="SECRET_KEY"):
        settings(environment="production", secret_key=secret)
    assert settings(environment="development", secret_key=secret).secret_key == secret


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
