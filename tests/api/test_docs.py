"""The documentation: complete, and readable without the internet."""

import re
from typing import Any

import jsonschema_rs
import pytest

from api.routes.aliases import ALIASES
from core import __version__
from tests.bank import Bank


async def document_of(bank: Bank) -> dict[str, Any]:
    answer = await bank.client.get("/openapi.json")
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    return document


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_the_pages_fetch_nothing_from_elsewhere(bank: Bank, page: str) -> None:
    answer = await bank.client.get(page)
    assert answer.status_code == 200
    links = re.findall(r'(?:src|href|url)\s*[=:]\s*["\']([^"\']+)', answer.text)
    assert links
    for link in links:
        assert not link.startswith(("http:", "https:", "//")), link
        if link.startswith("/"):
            asset = await bank.client.get(link)
            assert asset.status_code == 200, link
            assert asset.content


async def test_the_page_opens_with_the_endpoints_its_codes_folded_up(bank: Bank) -> None:
    description = (await document_of(bank))["info"]["description"]
    listed = (await bank.client.get("/problems")).json()["items"]
    shown, folded = description.split("<details><summary>All codes of errors</summary>\n\n")
    assert "|" not in shown.replace("pending | success | failed", "")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", folded, re.MULTILINE)
    assert rows == [(entry["code"], str(entry["status"])) for entry in listed]
    assert folded.endswith("|\n\n</details>")


async def test_the_version_shown_is_the_one_that_runs(bank: Bank) -> None:
    shown = (await document_of(bank))["info"]["version"]
    assert shown == __version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", shown)


async def test_every_tag_has_its_operations(bank: Bank) -> None:
    document = await document_of(bank)
    used = {
        tag
        for operations in document["paths"].values()
        for operation in operations.values()
        for tag in operation["tags"]
    }
    assert [tag["name"] for tag in document["tags"] if tag["name"] not in used] == []


async def test_every_operation_is_described(bank: Bank) -> None:
    document = await document_of(bank)
    known = {tag["name"] for tag in document["tags"]}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation.get("description") or operation.get("summary"), where
            assert operation["tags"], where
            assert set(operation["tags"]) <= known, where
            assert {"422", "429", "503"} <= operation["responses"].keys(), where
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], where


async def test_login_is_asked_where_it_is_needed_and_the_button_knows_how(bank: Bank) -> None:
    document = await document_of(bank)
    schemes = document["components"]["securitySchemes"]
    assert schemes["login"]["flows"]["password"]["tokenUrl"] == "/auth/token"
    assert schemes["bearer"]["scheme"] == "bearer"
    transfer = document["paths"]["/transactions/transfer"]["post"]
    assert {"login": []} in transfer["security"]
    assert {"bearer": []} in transfer["security"]
    assert {"401", "403"} <= transfer["responses"].keys()
    for public in ("/auth/login", "/auth/register", "/auth/refresh"):
        assert "security" not in document["paths"][public]["post"]


async def test_submits_name_their_headers_bodies_and_examples(bank: Bank) -> None:
    document = await document_of(bank)
    transfer = document["paths"]["/transactions/transfer"]["post"]
    assert {p["name"] for p in transfer["parameters"]} == {"Idempotency-Key", "Prefer"}
    assert {"200", "202", "400", "404"} <= transfer["responses"].keys()


def body_schema(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any] | None:
    """The named schema of an operation's JSON body, if it has one."""
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" not in content:
        return None
    schema = content["application/json"]["schema"]
    references = [part["$ref"] for part in (schema, *schema.get("anyOf", [])) if "$ref" in part]
    found: dict[str, Any] = document["components"]["schemas"][references[0].rpartition("/")[2]]
    return found


async def test_every_body_comes_with_an_example_that_fits(bank: Bank) -> None:
    document = await document_of(bank)
    bodies = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            schema = body_schema(document, operation)
            if schema is None:
                continue
            bodies += 1
            assert schema.get("examples"), f"{method} {path}"
            whole = {**schema, "components": document["components"]}
            for example in schema["examples"]:
                jsonschema_rs.validate(whole, example)
    assert bodies > 30


async def test_aliases_are_listed_under_their_own_heading(bank: Bank) -> None:
    document = await document_of(bank)
    for method, spelling in ALIASES:
        alias = document["paths"][spelling][method.lower()]
        assert alias["tags"] == ["Other spellings"]
        original = document["paths"][ALIASES[method, spelling]][method.lower()]
        for part in ("parameters", "requestBody", "responses", "security"):
            assert alias.get(part) == original.get(part), (spelling, part)


async def test_a_payment_says_that_it_answers_a_reference(bank: Bank) -> None:
    document = await document_of(bank)
    accepted = document["paths"]["/transactions/payment"]["post"]["responses"]["202"]
    schema = accepted["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert "payment_ref" in document["components"]["schemas"][schema]["properties"]


async def test_probes_and_metrics_answer(bank: Bank) -> None:
    assert (await bank.client.get("/health")).json() == {"status": "ok"}
    ready = (await bank.client.get("/health/ready")).json()
    assert ready == {"status": "ready", "stores": {"database": "up", "redis": "up"}}
    metrics = (await bank.client.get("/metrics")).text
    assert 'giro_http_requests_total{method="GET",route="/health",status="200"}' in metrics


async def test_every_answer_names_its_headers(bank: Bank) -> None:
    document = await document_of(bank)
    known = document["components"]["headers"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                names = set(answer["headers"])
                assert "X-Request-ID" in names <= known.keys(), (method, path, status)
                assert ("WWW-Authenticate" in names) == (status == "401"), (method, path)
                if status in {"429", "503"}:
                    assert "Retry-After" in names, (method, path)
    transfer = document["paths"]["/transactions/transfer"]["post"]["responses"]
    kept = {"Location", "Preference-Applied", "Idempotent-Replayed", "X-Request-ID"}
    assert set(transfer["202"]["headers"]) == kept | {"Retry-After"}
    assert set(transfer["200"]["headers"]) == kept


async def test_a_payoff_says_that_an_ended_loan_has_none(bank: Bank) -> None:
    document = await document_of(bank)
    assert "409" in document["paths"]["/loans/{loan_id}/payoff"]["get"]["responses"]


async def test_metrics_say_that_they_may_be_closed(bank: Bank) -> None:
    document = await document_of(bank)
    assert "404" in document["paths"]["/metrics"]["get"]["responses"]


async def test_amounts_and_quotes_are_described_as_they_are_taken(bank: Bank) -> None:
    document = await document_of(bank)
    whole = {"components": document["components"]}

    def fits(name: str, body: dict[str, Any]) -> bool:
        schema = {**document["components"]["schemas"][name], **whole}
        return bool(jsonschema_rs.is_valid(schema, body))

    quote = {"amount": 1000, "interest_rate": 12}
    months, count = {"tenure_months": 12}, {"number_of_instalments": 12}
    cases = [
        *[("CashMovement", {"amount": a}, True) for a in (1, "1", "0.01", "10000000000000.00")],
        *[("CashMovement", {"amount": a}, False) for a in (0, "0", "0.00", "00.0000", "-1", "")],
        *[("CashMovement", {"amount": a}, False) for a in ("10000000000001", 10**13 + 1, "1e3")],
        *[("AccountOpening", {"initial_deposit": a}, True) for a in (0, "0", "0.00", 5)],
        ("QuoteRequest", quote | months, True),
        ("QuoteRequest", quote | count, True),
        ("QuoteRequest", quote | count | {"tenure_months": None}, True),
        ("QuoteRequest", quote, False),
        ("QuoteRequest", quote | months | count, False),
    ]
    customer = await bank.customer()
    await customer.open_account(10)
    paths = {"CashMovement": "/transactions/deposit", "AccountOpening": "/accounts"}
    for name, body, taken in cases:
        assert fits(name, body) is taken, (name, body)
        answer = await customer.post(paths.get(name, "/loans/quote"), body)
        assert (answer.status_code in {200, 201, 202, 400}) is taken, (name, body, answer.text)


async def test_a_405_lists_what_the_path_answers(bank: Bank) -> None:
    document = await document_of(bank)
    for path, method, allowed in (
        ("/health", "POST", "GET, HEAD"),
        ("/docs", "DELETE", "GET"),
        ("/problems/not_found", "PUT", "GET"),
        ("/static/docs/favicon.png", "DELETE", "GET, HEAD"),
        ("/accounts", "PATCH", "GET, POST"),
        ("/loans/quote", "PATCH", "DELETE, GET, POST, PUT"),
    ):
        answer = await bank.client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed), path
    operations = document["paths"]["/accounts/{account_id}"]
    answer = await bank.client.request("PATCH", "/accounts/1")
    assert answer.headers["allow"] == ", ".join(sorted(map(str.upper, operations)))


async def test_probes_answer_head(bank: Bank) -> None:
    for path in ("/health", "/health/ready"):
        answer = await bank.client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert "head" in (await document_of(bank))["paths"][path]
