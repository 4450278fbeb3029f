"""Answers that are made from a view of the same field names."""

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import Any, Self, cast

from pydantic import BaseModel

from core.foundation.money import to_major

Getter = Callable[[Any, str], Any]


class ViewAnswer(BaseModel):
    """An answer whose every field a view has: an amount ``x`` as ``x_minor``, in minor units."""

    @classmethod
    def of(cls, view: Any, currency: str | None = None, **known: Any) -> Self:
        """The answer, amounts in major units of ``currency``, by default the view's own.

        ``known`` are the fields that the view does not have.
        """
        currency = currency or view.currency
        getters = _getters(cls, view.__class__)
        values = {name: get(view, currency) for name, get in getters if name not in known}
        return cast("Self", cls.model_construct(None, **values, **known))


def plain(number: Decimal) -> Decimal:
    """The number without trailing zeros and without an exponent."""
    return Decimal(f"{number.normalize():f}")


@cache
def _getters(answer: type[BaseModel], view: type[object]) -> tuple[tuple[str, Getter], ...]:
    return tuple(
        (name, _amount(f"{name}_minor") if _has(view, f"{name}_minor") else _value(name))
        for name in answer.model_fields
    )


def _has(view: type[object], attribute: str) -> bool:
    """Whether a view of this class has the attribute; a model's fields are none of its class."""
    return hasattr(view, attribute) or attribute in getattr(view, "model_fields", {})


def _amount(attribute: str) -> Getter:
    read = attrgetter(attribute)

    def amount(view: Any, currency: str) -> Decimal | None:
        minor = read(view)
        return None if minor is None else to_major(minor, currency)

    return amount


def _value(attribute: str) -> Getter:
    read = attrgetter(attribute)

    def value(view: Any, _currency: str) -> Any:
        found = read(view)
        return plain(found) if isinstance(found, Decimal) else found

    return value
