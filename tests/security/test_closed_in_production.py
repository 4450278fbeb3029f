"""What development shows to everybody, production shows to nobody, or with guards."""

import re
from base64 import b64encode
from hashlib import sha256

import pytest

from tests.bank import Bank
from tests.security.conftest import METRICS_TOKEN

PAGES = ("/docs", "/redoc")


@pytest.mark.parametrize("path", [*PAGES, "/openapi.json", "/static/docs/swagger-ui-bundle.js"])
async def test_the_documentation_is_closed_in_production(
    bank: Bank, guarded: Bank, path: str
) -> None:
    assert (await bank.client.get(path)).status_code == 200
    closed = await guarded.client.get(path)
    assert (closed.status_code, closed.json()["code"]) == (404, "not_found")


async def test_a_problems_type_is_explained_everywhere(guarded: Bank) -> None:
    assert (await guarded.client.get("/problems/not_found")).status_code == 200
    refused = await guarded.client.put("/health")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


async def test_metrics_are_for_who_brings_the_token(bank: Bank, guarded: Bank) -> None:
    assert (await bank.client.get("/metrics")).status_code == 200
    for said in ({}, {"Authorization": "Bearer guess"}, {"Authorization": "Bearer"}):
        closed = await guarded.client.get("/metrics", headers=said)
        assert (closed.status_code, closed.json()["code"]) == (404, "not_found")
    token = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    answer = await guarded.client.get("/metrics", headers=token)
    assert answer.status_code == 200
    assert "giro_http_requests_total" in answer.text


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_runs_no_script_but_its_own(bank: Bank, path: str) -> None:
    answer = await bank.client.get(path)
    page = answer.text
    directives = dict(
        part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; ")
    )
    assert directives["default-src"] == "'none'"
    scripts = directives["script-src"].split()
    assert "'unsafe-inline'" not in scripts
    assert "'unsafe-eval'" not in scripts
    inline = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(inline) == len(scripts) - 1, "one hash for each script in the page"
    for script in inline:
        digest = b64encode(sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in scripts
    assert not re.search(r"(src|href)=[\"'](https?:)?//", page), "nothing from elsewhere"
    assert not re.search(r"\son\w+=", page), "no handlers in the markup: they would not run"
    for address in re.findall(r"(?:src|href)=\"(/[^\"]+)\"", page):
        assert (await bank.client.get(address)).status_code == 200
