"""Bodies that two readers could understand differently are refused."""

from decimal import Decimal
from typing import Any

import pytest

from api.http.strict_json import Malformed, parse
from tests.bank import Bank

SPOILED = {
    "no JSON": b"{to_account: 1}",
    "cut off": b'{"nickname": "a"',
    "trailing": b'{"nickname": "a"} {}',
    "duplicate key": b'{"nickname": "a", "nickname": "b"}',
    "escaped duplicate": b'{"nickname": "a", "nicknam\\u0065": "b"}',
    "NaN": b'{"initial_deposit": NaN}',
    "Infinity": b'{"initial_deposit": Infinity}',
    "-Infinity": b'{"initial_deposit": -Infinity}',
    "not UTF-8": b'{"nickname": "\xff"}',
    "UTF-16": '{"nickname": "a"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"nickname": "a"}',
    "NUL": b'{"nickname": "a\\u0000b"}',
    "half a surrogate": b'{"nickname": "\\ud800"}',
    "deep": b'{"nickname": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "too deep": b'{"nickname": ' + b"[" * 40 + b"]" * 40 + b"}",
    "endless number": b'{"initial_deposit": ' + b"9" * 5000 + b"}",
    "endless exponent": b'{"initial_deposit": 1e99999999999999999999}',
    "a list": b"[]",
    "a string": b'"x"',
    "null": b"null",
    "control character": b'{"nickname": "a\nb"}',
}


@pytest.mark.parametrize("body", SPOILED.values(), ids=SPOILED.keys())
async def test_a_spoiled_body_is_422(bank: Bank, body: bytes) -> None:
    customer = await bank.customer()
    headers = {"Content-Type": "application/json"}
    answer = await customer.post("/accounts", content=body, headers=headers)
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "validation_error"
    assert answer.json()["errors"]


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", None])
async def test_json_is_read_with_and_without_its_label(bank: Bank, kind: str | None) -> None:
    customer = await bank.customer()
    headers = {} if kind is None else {"Content-Type": kind}
    answer = await customer.post("/accounts", content='{"nickname": "é 😀"}', headers=headers)
    assert answer.status_code == 201
    assert answer.json()["nickname"] == "é 😀"


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"0.1", Decimal("0.1")),
        (b"10.250000000000000000000000000000000001", Decimal("10.25" + "0" * 33 + "1")),
        (b"1e2", Decimal("1E+2")),
        (b"9007199254740993", 9007199254740993),
        (b'"\\ud83d\\ude00"', "😀"),
    ],
)
def test_numbers_are_exact_and_escapes_are_read(body: bytes, value: Any) -> None:
    parsed = parse(body)
    assert parsed == value
    assert not isinstance(parsed, float)


def test_depth_up_to_the_limit_is_read() -> None:
    assert not isinstance(parse(b"[" * 32 + b"]" * 32), Malformed)
    assert isinstance(parse(b"[" * 33 + b"]" * 33), Malformed)
