"""What a borrower is told of a loan before agreeing to it, in the regulators' forms."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest

from core.documents.document import Boxes, Document, Facts, Grid
from core.foundation.errors import DisclosureNotKept, LoanNotFound, LoanStateConflict
from core.lending.amortisation import Method, Terms, generate
from core.lending.disclosure.disclosures import Disclosure, Form, disclose
from core.lending.disclosure.offer import Creditor, Offer, OfferedFee
from core.lending.origination import decisions, offers
from core.lending.origination.contingencies import contingencies_of
from core.lending.origination.decisions import Decider
from core.lending.origination.products import ProductTerms
from core.lending.servicing import views
from tests.lending.lender import CREDITOR, OFFICER

LOAN = UUID("01900000-0000-7000-8000-000000000001")
START = date(2026, 1, 1)


def offer(amount: str, rate: str, count: int, *, currency: str, fee: str = "0", **more) -> Offer:
    """An offer of a loan with monthly instalments, its fee withheld."""
    product: ProductTerms = more.pop("product", ProductTerms())
    fee_minor = int(Decimal(fee) * 100)
    terms = Terms(
        principal_minor=int(Decimal(amount) * 100),
        annual_rate=Decimal(rate),
        instalments=count,
        start_date=START,
        fee_minor=fee_minor,
        **more,
    )
    fees = (OfferedFee("Processing fee", "one-time", fee_minor),) if fee_minor else ()
    return Offer(
        creditor=Creditor("Giro", "1 Bank Street", "+49 30 1", "help@giro.example"),
        loan_id=LOAN,
        borrower="प्रियंका शर्मा",
        product="Standard",
        account_number="1000000019",
        currency=currency,
        on=START,
        tenure_months=count,
        frequency="Monthly",
        terms=terms,
        schedule=generate(terms),
        fees=fees,
        contingencies=contingencies_of(product, currency),
        withdrawal_days=product.withdrawal_days,
    )


def told(document: Document) -> dict[str, str]:
    """Every fact of a document by its label."""
    return {
        fact.label: fact.text
        for section in document.sections
        for block in section.blocks
        if isinstance(block, Facts)
        for fact in block.facts
    }


def grids(document: Document) -> list[Grid]:
    blocks = [block for section in document.sections for block in section.blocks]
    return [block for block in blocks if isinstance(block, Grid)]


def test_the_reserve_bank_s_own_illustration() -> None:
    """Annex B of the circular of 15 April 2024: 20,000 at 15 % over 24 months, 400 of fees, so that
    19,600 are disbursed: an instalment of 970 in whole rupees, and an APR of 17.07 %."""
    whole_rupees = {"rounding_unit_minor": 100}
    asked = offer("20000", "15", 24, currency="INR", fee="400", **whole_rupees)
    found = disclose(asked, given=False)

    facts = told(found.forms[Form.KFS])
    assert facts["Instalments"] == "Monthly, 24 of 970.00 INR"
    assert facts["5. Total interest over the whole term"] == "3,272.56 INR"
    assert facts["6. Fees and charges payable"] == "400.00 INR"
    assert facts["7. Net disbursed amount"] == "19,600.00 INR"
    assert facts["8. Total amount to be paid by the borrower"] == "23,272.56 INR"
    assert facts["9. Annual percentage rate (APR)"] == "17.07 %"


def test_the_key_facts_hold_the_whole_schedule_and_what_may_come() -> None:
    product = ProductTerms(
        late_fee=Decimal(5), foreclosure_fee_percent=Decimal(2), fee_tax_percent=Decimal(18),
        withdrawal_days=3,
    )  # fmt: skip
    found = disclose(offer("12000", "12", 12, currency="EUR", product=product), given=True)

    document = found.forms[Form.KFS]
    facts, (fees, schedule) = told(document), grids(document)
    assert fees.rows == (("None", "", "", ""),)
    assert len(schedule.rows) == 12
    first = ("1", "2026-02-01", "12,000.00", "946.19", "120.00", "0.00", "1,066.19")
    assert schedule.rows[0] == first
    assert facts["(i) Penal charges in case of delayed payment"] == (
        "A penal charge of 6 % a year on overdue principal and interest, after 3 days of grace,"
        " and interest at the contract rate on overdue principal"
    )
    assert facts["(ii) Other penal charges"].endswith("5.00 EUR and 1 % of what is overdue")
    assert facts["(iii) Foreclosure charges"] == (
        "2 % of the principal paid off early, plus 18 % tax; none within 3 days of the disbursement"
    )
    assert "+49 30 1, help@giro.example" in facts.values()
    assert document.lines[2] == "Given on 2026-01-01 with the approval of the loan"


def test_european_figures_count_what_the_borrower_receives() -> None:
    """The total amount of credit holds no costs (C-377/14), and the rate has one decimal."""
    found = disclose(offer("12000", "12", 12, currency="EUR", fee="120"), given=False)

    facts = told(found.forms[Form.SECCI])
    assert facts["Total amount of credit"] == "11,880.00 EUR"
    assert facts["Total amount you will have to pay"] == "12,794.23 EUR"
    assert facts["Total cost of the credit"] == "914.23 EUR"
    assert facts["Annual percentage rate of charge (APR)"] == "14.8 %"
    assert facts["Instalments"] == (
        "Monthly: 11 of 1,066.19 EUR, then 1 of 1,066.14 EUR; the last one is due on 2027-01-01"
    )
    assert facts["Compensation in the case of early repayment"] == "None"


def test_the_box_of_regulation_z() -> None:
    """5,000 at 9.69 % over 24 months: payments of 230 (Appendix J, (c)(1)(i)), as the box has it.
    Each cent of them counts, so 9.69 % is 230.01."""
    found = disclose(offer("5000", "9.69", 24, currency="USD"), given=False)

    document = found.forms[Form.REGZ]
    (boxes,) = (
        block
        for section in document.sections
        for block in section.blocks
        if isinstance(block, Boxes)
    )
    assert [(box.title, box.text) for box in boxes.boxes] == [
        ("ANNUAL PERCENTAGE RATE", "9.69 %"),
        ("FINANCE CHARGE", "520.21 USD"),
        ("Amount Financed", "5,000.00 USD"),
        ("Total of Payments", "5,520.21 USD"),
    ]
    (payments,) = grids(document)
    assert payments.rows == (
        ("23", "230.01 USD", "Monthly, beginning 2026-02-01"),
        ("1", "229.98 USD", "2028-01-01"),
    )


def test_a_moratorium_leaves_out_payments_of_nothing() -> None:
    found = disclose(
        offer("12000", "12", 6, currency="EUR", moratorium=2, interest_moratorium=2), given=False
    )

    runs = found.figures.payments
    assert sum(run.count for run in runs) == 4
    assert sum(run.count * run.amount_minor for run in runs) == found.figures.total_payable_minor
    assert runs[0].first_due_date == date(2026, 4, 1)


def test_instalments_that_all_differ_fit_the_page() -> None:
    falling = offer("12000", "12", 360, currency="EUR", method=Method.EQUAL_PRINCIPAL)

    found = disclose(falling, given=False)

    assert told(found.forms[Form.SECCI])["Instalments"].startswith(
        "Monthly: 360 payments, at first"
    )
    assert len(grids(found.forms[Form.REGZ])[0].rows) > 300


def test_a_form_is_laid_out_at_any_rate() -> None:
    """A cent of the loan is received: no rate that anybody can use, and no reason to fail."""
    found = disclose(offer("12000", "12", 360, currency="EUR", fee="11999.99"), given=True)

    assert (found.figures.apr, found.figures.ear) == (Decimal(14_811_600), None)
    facts = told(found.forms[Form.SECCI])
    assert facts["Annual percentage rate of charge (APR)"] == "More than 1,000,000,000 %"


async def disclosure(lender, loan_id, owner=None) -> Disclosure:
    async with lender.quiet.database.read() as reader:
        return await offers.disclosure_of(
            reader, loan_id, owner_id=owner, creditor=CREDITOR, today=await lender.today()
        )


async def test_what_was_told_at_the_approval_is_kept_word_for_word(lender) -> None:
    code = await lender.product("told", processing_fee=120, foreclosure_fee_percent=2)
    borrower = await lender.borrower()
    loan_id = await lender.apply(borrower, product=code)
    before = await disclosure(lender, loan_id, borrower.user_id)
    assert (before.given_on, before.figures.amount_financed_minor) == (None, 1_188_000)

    await lender.approve(loan_id, interest_rate=Decimal(10))
    await lender.settle()
    given = await disclosure(lender, loan_id, borrower.user_id)
    await lender.execute("UPDATE loan_products SET name = 'Renamed' WHERE code = $1", code)

    assert given.given_on == await lender.today()
    assert given.figures.interest_rate == 10
    assert given.figures.emi_minor == (await lender.view(loan_id)).emi_minor
    schedule = await lender.schedule(loan_id)
    assert given.figures.finance_charge_minor == schedule.finance_charge_minor
    assert (given.figures.apr, given.figures.ear) == (schedule.apr, schedule.ear)
    assert await disclosure(lender, loan_id) == given
    with pytest.raises(Exception, match="loan_disclosures"):
        await lender.execute("DELETE FROM loan_disclosures")


async def test_a_payout_that_is_tried_again_is_told_anew(lender) -> None:
    borrower = await lender.borrower()
    loan_id = await lender.apply(borrower)
    transaction_id = await lender.approve(loan_id)
    await lender.execute(
        "UPDATE transactions SET status = 'failed', failure_code = 'account_frozen',"
        " settled_at = clock_timestamp() WHERE id = $1",
        transaction_id,
    )
    async with lender.quiet.database.unit_of_work() as unit:
        decider = Decider(OFFICER, await lender.today())
        again = Creditor("Giro, moved")
        intake = lender.quiet.intake
        await decisions.disburse_again(unit, intake, loan_id, decider, creditor=again)
        await unit.commit()
    await lender.settle()

    assert (await disclosure(lender, loan_id)).forms[Form.REGZ].lines[0] == "Giro, moved"
    told_twice = "SELECT count(*) FROM loan_disclosures WHERE loan_id = $1"
    assert await lender.value(told_twice, loan_id) == 2


async def test_nothing_is_told_of_a_loan_that_was_never_offered(lender) -> None:
    borrower, stranger = await lender.borrower(), await lender.borrower()
    loan_id = await lender.apply(borrower)
    with pytest.raises(LoanNotFound):
        await disclosure(lender, loan_id, stranger.user_id)
    await lender.execute("UPDATE loans SET status = 'withdrawn' WHERE id = $1", loan_id)
    with pytest.raises(LoanStateConflict):
        await disclosure(lender, loan_id)
    await lender.execute("UPDATE loans SET status = 'approved' WHERE id = $1", loan_id)
    with pytest.raises(DisclosureNotKept):
        await disclosure(lender, loan_id)


async def test_within_the_days_of_withdrawal_ending_the_loan_costs_no_fee(lender) -> None:
    code = await lender.product("revocable", foreclosure_fee_percent=2, withdrawal_days=14)
    dear = await lender.product("irrevocable", foreclosure_fee_percent=2)
    borrower = await lender.borrower()
    today = await lender.today()
    costs = []
    for product in (code, dear):
        loan_id = await lender.loan(borrower, product=product)
        for days in (14, 15):
            on = date.fromordinal(today.toordinal() + days)
            async with lender.quiet.database.read() as reader:
                _, owed = await views.find_payoff(reader, loan_id, owner_id=None, on=on)
            costs.append(owed.early_fee.total_minor)

    assert costs == [0, 24_000, 24_000, 24_000]
