"""A body is read of those alone who may send it, and no more of it than allowed."""

import asyncio
import json
from contextlib import suppress

import pytest

from tests.bank import Bank

BATCH = "/transactions/batch"


async def start(
    bank: Bank, path: str, length: int, token: str | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The head of a POST, whose body is announced and not sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", bank.system.port)
    signed = f"Authorization: Bearer {token}\r\n" if token else ""
    writer.write(
        f"POST {path} HTTP/1.1\r\nHost: bank\r\n{signed}Content-Type: application/json\r\n"
        f"Content-Length: {length}\r\n\r\n".encode()
    )
    await writer.drain()
    return reader, writer


async def answered(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, within: float = 5
) -> int:
    try:
        line = await asyncio.wait_for(reader.readline(), within)
        return int(line.split()[1])
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize("path", [BATCH, "/transactions/transfer", "/accounts", "/loans/apply"])
async def test_without_a_token_nothing_of_the_body_is_waited_for(bank: Bank, path: str) -> None:
    assert await answered(*await start(bank, path, 1_000_000)) == 401
    assert await answered(*await start(bank, path, 1_000, "forged")) == 401


async def test_an_ordinary_body_is_small_and_a_batch_may_be_large(bank: Bank) -> None:
    customer = await bank.customer()
    spaces = b" " * 20_000
    refused = await customer.post("/accounts", content=b"{}" + spaces)
    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
    batch = json.dumps({"items": [{"to_account": "1", "amount": 1}]}).encode() + spaces
    headers = {"Content-Type": "application/json"}
    assert (await customer.post(BATCH, content=batch, headers=headers)).status_code == 202


async def test_a_thousand_wrong_items_are_reported_by_the_first_hundred_errors(
    bank: Bank,
) -> None:
    customer = await bank.customer()
    wrong = {"to_account": 5, "amount": -1, "reference": 7, "unknown": 0}
    good = {"to_account": "1", "amount": 1}
    answer = await customer.post(BATCH, {"items": [good, *[wrong] * 999]})
    assert answer.status_code == 422
    errors = answer.json()["errors"]
    assert len(errors) == 100
    assert {error["field"].split(".")[1] for error in errors} == {str(n) for n in range(1, 26)}


async def test_an_object_of_thousands_of_fields_is_not_looked_at(bank: Bank) -> None:
    customer = await bank.customer()
    crowded = {f"f{n}": n for n in range(1_000)}
    answer = await customer.post("/accounts", crowded)
    assert (answer.status_code, len(answer.json()["errors"])) == (422, 1)
