"""A long list that is wrong in every item is not checked to its end."""

from typing import Any, Final

from pydantic import ValidationError, ValidatorFunctionWrapHandler
from pydantic_core import InitErrorDetails, PydanticCustomError

from api.http.problems import MAX_ERRORS
from core.transactions.batch import MAX_ITEMS

PIECE: Final = 25


def in_pieces(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Validate a list piece by piece, and stop once there are as many errors as are reported.

    Used with ``WrapValidator``. What is no list, and what is too long, the handler refuses itself.
    """
    if not isinstance(value, list) or len(value) <= PIECE or len(value) > MAX_ITEMS:
        return handler(value)
    checked: list[Any] = []
    errors: list[InitErrorDetails] = []
    for start in range(0, len(value), PIECE):
        try:
            checked += handler(value[start : start + PIECE])
        except ValidationError as error:
            errors += _moved(error, start)
        if len(errors) >= MAX_ERRORS:
            break
    if errors:
        raise ValidationError.from_exception_data("items", errors)
    return checked


def _moved(error: ValidationError, start: int) -> list[InitErrorDetails]:
    """The errors of a piece, at their places in the whole list."""
    moved: list[InitErrorDetails] = []
    for each in error.errors(include_url=False, include_context=False):
        index, *rest = each["loc"]
        place = index + start if isinstance(index, int) else index
        # What a message quotes is quoted already: it is no template any more.
        kind = PydanticCustomError(each["type"], "{text}", {"text": each["msg"]})
        moved.append({"type": kind, "loc": (place, *rest), "input": each["input"]})
    return moved
