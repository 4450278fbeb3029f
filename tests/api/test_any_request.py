"""Schemathesis: whatever fits the OpenAPI document, or nearly, never breaks the server.

A bounded number of cases for every operation, valid and not, as a customer and as an admin: no
500, and every answer has a status, type and shape that the document promises.
"""

import json
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.bank import Bank

CASES = 5
# The first three would end the session under test; metrics are not JSON.
LEFT_OUT = {"/auth/logout", "/auth/password", "/users/profile", "/metrics"}


def not_a_server_error(_ctx: Any, response: Any, case: Any) -> None:
    """No answer is a 500: those are always defects."""
    assert response.status_code != 500, f"{case.method} {case.path}: {response.text}"


def problem_has_its_shape(_ctx: Any, response: Any, _case: Any) -> None:
    """Every refusal is a problem document."""
    if response.status_code >= 400:
        assert response.headers["content-type"] == ["application/problem+json"]
        problem = json.loads(response.content)
        assert {"type", "title", "status", "detail", "instance", "code", "request_id"} <= set(
            problem
        )


CHECKS = [
    not_a_server_error,
    problem_has_its_shape,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.mark.parametrize("role", ["customer", "admin"])
async def test_no_request_breaks_the_server(bank: Bank, role: str) -> None:
    person = await getattr(bank, role)()
    if role == "customer":
        await person.open_account(1000)
    schema = schemathesis.openapi.from_url(f"{bank.system.url}/openapi.json")
    headers = {"Authorization": f"Bearer {person.token}"}
    broken = []
    with requests.Session() as session:
        for found in schema.get_all_operations():
            operation = found.ok()
            if operation.path in LEFT_OUT:
                continue
            try:
                try_operation(operation, headers, session)
            except FailureGroup as failures:
                broken += [f"{operation.label}: {failure}" for failure in failures.exceptions]
    assert not broken, "\n\n".join(broken)


def try_operation(operation: Any, headers: dict[str, str], session: requests.Session) -> None:
    @settings(
        max_examples=CASES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(*(operation.as_strategy(mode) for mode in GenerationMode)))
    def run(case: Any) -> None:
        case.call_and_validate(headers=headers, session=session, checks=CHECKS)

    run()
