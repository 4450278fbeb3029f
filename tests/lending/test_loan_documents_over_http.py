"""What a borrower is given to keep, over HTTP: the same as JSON and as PDF."""

from io import BytesIO

import pytest
from pypdf import PdfReader

from tests.lending.test_loans_over_http import apply, disburse


def text_of(answer) -> str:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(answer.content)).pages)


async def as_pdf(person, path):
    return text_of(await person.get(path, headers={"Accept": "application/pdf"}))


@pytest.fixture
async def officer(bank):
    return await bank.officer()


async def test_a_disclosure_before_and_with_the_agreement(bank, officer):
    customer, stranger = await bank.customer(), await bank.customer()
    await customer.open_account(10)
    loan_id = await apply(customer)
    path = f"/loans/{loan_id}/disclosure?form=regz"

    before = (await customer.get(path)).json()
    assert (before["given_on"], before["amount_financed"]) == (None, 12_000)
    await disburse(officer, loan_id)
    given = (await customer.get(path)).json()
    printed = await as_pdf(officer, path)

    assert given["given_on"] == given["drawn_up_on"]
    assert (given["apr"], given["finance_charge"]) == (pytest.approx(12, abs=0.001), 794.23)
    assert given["payments"][0]["count"] == 11
    box = given["document"]["sections"][0]["blocks"][0]
    assert box["boxes"][0]["text"] == "12.00 %"
    for words in ("ANNUAL PERCENTAGE RATE", "12.00 %", "794.23 EUR", "Page 1 of 1"):
        assert words in printed
    assert "Key Facts Statement" in await as_pdf(customer, f"/loans/{loan_id}/disclosure?form=kfs")
    assert (await stranger.get(path)).status_code == 404
    assert (await customer.get(f"/loans/{loan_id}/disclosure")).status_code == 422


async def test_a_statement_a_certificate_and_no_dues_letter(bank, officer):
    customer = await bank.customer(full_name="Łucja Żółć")
    await customer.open_account(1_000)
    loan_id = await apply(customer)
    assert (await customer.get(f"/loans/{loan_id}/statement")).status_code == 409
    await disburse(officer, loan_id)

    found = (await customer.get(f"/loans/{loan_id}/statement")).json()
    day = found["from"]
    assert (found["opening_principal"], found["closing_principal"]) == (0, 12_000)
    (payout,) = found["items"]
    assert (payout["type"], payout["paid"], payout["principal_balance"]) == (
        "disbursement", -12_000, 12_000,
    )  # fmt: skip
    assert [leg["amount"] for leg in payout["postings"]] == [-12_000, 12_000]
    wrong = await customer.get(f"/loans/{loan_id}/statement?from={day}&to=2020-01-01")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "to")
    table = await customer.get(f"/loans/{loan_id}/statement", headers={"Accept": "text/csv"})
    assert table.headers["content-type"].startswith("text/csv")
    assert table.text.splitlines()[1].endswith(",-12000,12000,0,0,12000")
    assert "Łucja Żółć" in await as_pdf(customer, f"/loans/{loan_id}/statement")

    refused = await customer.get(f"/loans/{loan_id}/no-dues")
    assert (refused.status_code, refused.json()["code"]) == (409, "dues_remain")
    paid = await customer.post(f"/loans/{loan_id}/pay", {"mode": "foreclose"})
    assert (await customer.final(paid.json()["transaction_id"]))["status"] == "success"
    year = (await customer.get(f"/loans/{loan_id}/certificate/{day[:4]}")).json()
    assert (year["principal"], year["outstanding"]) == (12_000, 0)
    assert "12,000.00 EUR" in await as_pdf(customer, f"/loans/{loan_id}/certificate/{day[:4]}")
    letter = (await customer.get(f"/loans/{loan_id}/no-dues")).json()
    assert (letter["status"], letter["borrower"]) == ("foreclosed", "Łucja Żółć")
    assert "nothing is owed" in await as_pdf(customer, f"/loans/{loan_id}/no-dues")
