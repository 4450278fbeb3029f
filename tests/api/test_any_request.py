"""Schemathesis: whatever fits the OpenAPI document, or nearly, never breaks the server.

As nobody, a customer, an officer and an admin: a bounded number of cases for every operation, valid
and not; and stories, in which what one operation answers is given to the next. No 500, and every
answer has a status, type, headers and shape that the document promises. `make fuzz` tells many more
stories; what it finds is replayed by the seed that it prints.
"""

import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.links import with_links
from tests.bank import Bank, Person
from tests.conftest import fresh_settings
from tests.system import System

CASES = int(os.environ.get("FUZZ_CASES", "3"))
ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "2"))  # of five stories each
# Where none of them has led from an answer to a question about it.
MORE_ROUNDS = 4
STEPS = 10
SEED = int(os.environ.get("FUZZ_SEED", "1"))
# What may end or block the session under test is tried apart, with sessions of its own; who left
# logs in no more.
ENDS_SESSIONS = [
    ("post", "/auth/logout"),
    ("post", "/auth/password"),
    ("delete", "/auth/sessions/{session_id}"),
    ("put", "/admin/users/{user_id}"),
    ("delete", "/users/profile"),
]
ROLES = ["public", "customer", "officer", "admin"]


@dataclass
class Desk:
    """A bank of this file's own, whose products and countries the fuzzing may change."""

    bank: Bank
    people: dict[str, Person]
    spare: dict[tuple[str, str], Person]
    document: dict[str, Any]

    def headers(self, role: str) -> dict[str, str]:
        """What a person of this role sends along."""
        return authorization(self.people.get(role))

    def spare_headers(self, role: str, label: str) -> dict[str, str]:
        """The same from a session that is there for one operation."""
        return authorization(self.spare.get((role, label)))


def authorization(person: Person | None) -> dict[str, str]:
    return {} if person is None else {"Authorization": f"Bearer {person.token}"}


@pytest_asyncio.fixture(scope="module")
async def desk() -> AsyncIterator[Desk]:
    """Somebody of each role; the customer has accounts, transactions and loans to begin with."""
    running = System(fresh_settings("fuzz"))
    running.start()
    try:
        async with httpx2.AsyncClient(base_url=running.url, timeout=60) as client:
            bank = Bank(client, running)
            people = {"officer": await bank.officer(), "admin": await bank.admin()}
            people["customer"] = await with_history(bank, people["officer"])
            leaving = {
                "customer": await bank.customer(),
                "officer": await bank.officer(),
                "admin": await bank.admin(),
            }
            spare = {
                (role, f"{method.upper()} {path}"): await bank.login(person.email)
                for role, person in leaving.items()
                for method, path in ENDS_SESSIONS
            }
            document = (await client.get("/openapi.json")).json()
            del document["paths"]["/metrics"]  # no JSON
            yield Desk(bank, people, spare, document)
    finally:
        running.stop()


async def with_history(bank: Bank, officer: Person) -> Person:
    """A customer with two accounts, a transfer, a batch, a loan under way and one applied for."""
    customer = await bank.customer(full_name="Asha Rao", country="IN")
    await customer.open_account(100_000)
    second = await customer.open_account()
    await customer.transfer(second, 10)
    item = {"to_account": second["account_number"], "amount": 1}
    await customer.post("/transactions/batch", {"items": [item] * 3})
    wanted = {"amount": 1_200, "tenure_months": 12, "monthly_income": 50_000}
    for _ in range(2):
        loan_id = (await customer.post("/loans/apply", wanted)).json()["loan_id"]
    approved = (await officer.put(f"/loans/{loan_id}/approve")).json()
    await customer.final(approved["transaction_id"])
    return customer


def not_a_server_error(_ctx: Any, response: Any, case: Any) -> None:
    """No answer is a 500: those are always defects."""
    assert response.status_code != 500, f"{case.method} {case.path}: {response.text}"


def problem_has_its_shape(_ctx: Any, response: Any, case: Any) -> None:
    """Every refusal is a problem document."""
    if response.status_code >= 400 and case.method.upper() != "HEAD":
        assert response.headers["content-type"] == ["application/problem+json"]
        problem = json.loads(response.content)
        assert {"type", "title", "status", "detail", "instance", "code", "request_id"} <= set(
            problem
        )


def no_stranger_gets_in(_ctx: Any, response: Any, case: Any) -> None:
    """What asks for a login is never done for somebody without one."""
    bare = "Authorization" not in response.request.headers
    if bare and "security" in case.operation.definition.raw:
        assert response.status_code >= 400, f"{case.method} {case.path}: {response.text}"


CHECKS = [
    not_a_server_error,
    problem_has_its_shape,
    no_stranger_gets_in,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
OPTIONS: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),
}


def parted(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The document without what ends sessions, and of that alone."""
    going_on, ending = (json.loads(json.dumps(document)) for _ in range(2))
    ending["paths"] = {path: {} for _, path in ENDS_SESSIONS}
    for method, path in ENDS_SESSIONS:
        ending["paths"][path][method] = going_on["paths"][path].pop(method)
    return going_on, ending


def schema_of(desk: Desk, document: dict[str, Any]) -> Any:
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=desk.bank.system.url)
    return schema


@pytest.mark.parametrize("role", ROLES)
def test_no_request_breaks_the_server(desk: Desk, role: str) -> None:
    going_on, _ = parted(desk.document)
    try_all(desk, going_on, lambda _: desk.headers(role))


@pytest.mark.parametrize("role", ROLES)
def test_what_ends_a_session_breaks_nothing_either(desk: Desk, role: str) -> None:
    _, ending = parted(desk.document)
    try_all(desk, ending, lambda label: desk.spare_headers(role, label))


def try_all(desk: Desk, document: dict[str, Any], headers: Callable[[str], dict[str, str]]) -> None:
    broken = []
    with requests.Session() as session:
        for found in schema_of(desk, document).get_all_operations():
            operation = found.ok()
            try:
                try_operation(operation, headers(operation.label), session)
            except FailureGroup as failures:
                broken += [f"{operation.label}: {failure}" for failure in failures.exceptions]
    assert not broken, "\n\n".join(broken)


def try_operation(operation: Any, headers: dict[str, str], session: requests.Session) -> None:
    @seed(SEED)
    @settings(max_examples=CASES, **OPTIONS)
    @given(case=st.one_of(*(operation.as_strategy(mode) for mode in GenerationMode)))
    def run(case: Any) -> None:
        case.call_and_validate(headers=headers, session=session, checks=CHECKS)

    run()


@pytest.mark.parametrize("role", ROLES)
def test_no_story_breaks_the_server(desk: Desk, role: str) -> None:
    """What one operation answers is asked of the next: ids of accounts, transactions, loans."""
    broken: list[str] = []
    answered: dict[str, int] = {}
    going_on, _ = parted(desk.document)
    linked = schema_of(desk, with_links(going_on)).as_state_machine()

    class Story(linked):  # type: ignore[misc, valid-type]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": desk.headers(role), "session": session}

        def validate_response(self, response: Any, case: Any, **_options: Any) -> None:
            label = case.operation.label
            answered[label] = answered.get(label, 0) + (response.status_code < 300)
            try:
                case.validate_response(response, checks=CHECKS)
            except FailureGroup as failures:  # kept: told again, the story may go another way
                broken.extend(f"{label}: {failure}" for failure in failures.exceptions)

    with requests.Session() as session:
        for number in range(ROUNDS + MORE_ROUNDS):
            if number >= ROUNDS and (role == "public" or given_an_id(answered)):
                break
            seed(SEED + number)(Story)
            # The bank lives on between two stories, so that one told twice may differ.
            with suppress(Flaky):
                Story.run(settings=settings(max_examples=5, stateful_step_count=STEPS, **OPTIONS))
    assert not broken, f"seed {SEED}\n\n" + "\n\n".join(broken)
    assert len(answered) > STEPS, answered
    assert role == "public" or given_an_id(answered), f"no answered id was asked for: {answered}"


def given_an_id(answered: dict[str, int]) -> bool:
    """Whether an operation that takes an id from another's answer was answered well."""
    return any(done and "{" in label for label, done in answered.items())
