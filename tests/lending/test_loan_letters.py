"""What a borrower is given to keep while a loan runs and when it has ended."""

from datetime import date, timedelta

import pytest

from core.foundation.errors import DuesRemain, LoanNotFound, LoanStateConflict
from core.reporting import loan_letters
from core.reporting.loan_entries import LoanEntry, LoanPosting, entries_on
from core.reporting.loan_files import LoanOnFile, loan_on_file
from core.reporting.loan_interest import interest_earned
from core.reporting.loan_statement import LoanStatement, as_csv, as_document, statement

FAR = date(2100, 1, 1)


async def booked(lender, loan_id, owner=None) -> tuple[LoanOnFile, list[LoanEntry]]:
    async with lender.quiet.database.read() as reader:
        loan = await loan_on_file(reader, loan_id, owner_id=owner)
        return loan, await entries_on(reader, loan)


async def told(lender, loan_id, since=date.min, until=FAR) -> LoanStatement:
    loan, entries = await booked(lender, loan_id)
    async with lender.quiet.database.read() as reader:
        earned = await interest_earned(reader, loan, entries)
    return statement(loan, entries, earned, bank="Giro", since=since, until=until)


async def paid(lender, loan_id, since=date.min, until=FAR) -> loan_letters.Certificate:
    loan, entries = await booked(lender, loan_id)
    return loan_letters.certificate(loan, entries, bank="Giro", since=since, until=until)


async def test_a_statement_holds_every_posting_and_the_principal_after_each(lender) -> None:
    """12,000 at 12 %: 946.19 of the first instalment is principal, 120.00 interest."""
    borrower = await lender.borrower(2_000_00)
    loan_id = await lender.loan(borrower)
    first_due = (await lender.line(loan_id, 1)).due_date
    await lender.close_through(first_due)
    await lender.withdraw_all(borrower)
    second_due = (await lender.line(loan_id, 2)).due_date
    await lender.close_through(second_due + timedelta(days=10))

    found = await told(lender, loan_id)
    entries = [line.entry for line in found.lines]
    payout, instalment, *late = (each for each in entries if each.type != "interest_earned")
    earned = entries[1 : entries.index(instalment)]
    assert sum(each.interest_minor for each in earned) == 12_000
    assert (payout.type, payout.paid_minor, payout.principal_minor) == (
        "disbursement", -1_200_000, 1_200_000,
    )  # fmt: skip
    assert (instalment.type, instalment.paid_minor) == ("emi", 106_619)
    assert (instalment.principal_minor, instalment.interest_minor) == (-94_619, -12_000)
    assert instalment.accounting_date == instalment.value_date == first_due
    assert {entry.type for entry in late} == {"penalty"}
    assert found.closing_principal_minor == 1_105_381
    assert found.closing_principal_minor == (await lender.view(loan_id)).outstanding_principal_minor

    later = await told(lender, loan_id, since=first_due + timedelta(days=1))
    assert later.opening_principal_minor == later.closing_principal_minor == 1_105_381
    rows = as_csv(found).decode().splitlines()
    assert len(rows) == 1 + len(found.lines)
    assert rows[len(earned) + 2].endswith(",1066.19,-946.19,-120,0,11053.81")
    grid = as_document(found).sections[1].blocks[0]
    assert grid.rows[len(earned) + 1][2:] == (
        "Instalment 1, attempt 1", "1,066.19", "-946.19", "-120.00", "0.00", "11,053.81",
    )  # fmt: skip


async def test_the_columns_of_a_statement_add_up_to_what_is_owed(lender) -> None:
    """Late, paid in part, restructured, then repaid to the cent: nothing is owed, and each part of
    the statement begins where the one before it ends."""
    borrower = await lender.borrower()
    loan_id = await lender.loan(borrower)
    await lender.withdraw_all(borrower)
    due = (await lender.line(loan_id, 1)).line.due_date
    await lender.close_through(due + timedelta(days=20))
    await lender.deposit(borrower, 20_000_00)
    await lender.pay(borrower, loan_id, "5000", "prepay_reduce_emi")
    await lender.settle()
    await lender.close_through(due + timedelta(days=40))
    running = await told(lender, loan_id)
    owed = await lender.rows(
        "SELECT interest_accrued_minor - interest_paid_minor AS interest FROM loans WHERE id = $1",
        loan_id,
    )
    assert running.closing_interest_minor >= owed[0]["interest"]
    await lender.pay(borrower, loan_id, mode="foreclose")
    await lender.settle()

    whole = await told(lender, loan_id)
    first = await told(lender, loan_id, until=due + timedelta(days=4))
    second = await told(lender, loan_id, since=due + timedelta(days=5))

    closing = (
        whole.closing_principal_minor, whole.closing_interest_minor, whole.closing_charges_minor,
    )  # fmt: skip
    assert closing == (0, 0, 0)
    assert second.opening_interest_minor == first.closing_interest_minor > 12_000
    assert second.opening_charges_minor == first.closing_charges_minor > 0
    assert (second.closing_interest_minor, second.closing_charges_minor) == (0, 0)


async def test_a_certificate_tells_what_was_paid_and_what_was_not_given_up(lender) -> None:
    code = await lender.product("certified", processing_fee=100, foreclosure_fee_percent=1)
    borrower = await lender.borrower(30_000_00)
    loan_id = await lender.loan(borrower, product=code)
    first_due = (await lender.line(loan_id, 1)).due_date
    await lender.close_through(first_due)

    first = await paid(lender, loan_id)
    assert (first.principal_minor, first.interest_minor) == (94_619, 12_000)
    assert (first.charges_minor, first.outstanding_minor) == (10_000, 1_105_381)
    before = await paid(lender, loan_id, until=first_due - timedelta(days=1))
    assert (before.principal_minor, before.interest_minor) == (0, 0)

    await lender.pay(borrower, loan_id, mode="foreclose")
    await lender.settle()
    whole = await paid(lender, loan_id)
    taken = await lender.value(
        "SELECT sum(amount_minor)::bigint FROM transactions WHERE status = 'success'"
        " AND type IN ('emi', 'loan_payment') AND details->>'loan_id' = $1",
        str(loan_id),
    )
    assert (whole.principal_minor, whole.outstanding_minor) == (1_200_000, 0)
    withheld = 10_000
    assert whole.interest_minor + whole.charges_minor - withheld == taken - 1_200_000
    assert whole.charges_minor == withheld + 11_054  # 1 % of 11,053.81


def entry(kind: str, **legs: int) -> LoanEntry:
    postings = tuple(
        LoanPosting(None if code == "account" else code.removeprefix("c"), code, amount)
        for code, amount in legs.items()
    )
    day = date(2026, 5, 5)
    return LoanEntry(None, kind, kind, day, day, None, postings)


@pytest.mark.parametrize(
    ("booked_once", "principal", "interest", "charges"),
    [
        (entry("accrual", c1200=-500, c4000=500), 0, 0, 0),
        (entry("accrual", c1200=-500, c4000=300, c2300=200), 0, 0, 0),
        (entry("accrual", c1200=-500, c1100=500), 500, -500, 0),
        (entry("penalty", c1200=-5, c4000=5, c1210=-7, c4200=7), 0, 0, 0),
        (entry("write_off", c5100=-900, c1100=900, c4000=-50, c1200=50), 0, 0, 0),
        (entry("waiver", c5200=-50, c1200=50), 0, 0, 0),
        (entry("loan_payment", account=-100, c1100=60, c1200=30, c1210=10), 60, 30, 10),
        (entry("reversal", account=100, c1100=-60, c1200=-30, c1210=-10), -60, -30, -10),
    ],
)
def test_what_counts_as_paid(booked_once, principal, interest, charges) -> None:
    loan = LoanOnFile(None, "active", "EUR", 1, date(2026, 1, 1), None, 0, 0, "Ada", "Standard")

    found = loan_letters.certificate(
        loan, [booked_once], bank="Giro", since=date(2026, 4, 1), until=date(2027, 3, 31)
    )

    assert (found.principal_minor, found.interest_minor, found.charges_minor) == (
        principal, interest, charges,
    )  # fmt: skip


@pytest.mark.parametrize(("receivable", "income"), [("c1210", "c4200"), ("c1200", "c4000")])
def test_a_correction_that_takes_a_waiver_back_counts_what_was_paid(receivable, income) -> None:
    """5.00 were waived of a penalty, or of late interest; then 1,066.19 are entered for the due
    date: 946.19 of principal, 120.00 of interest, and late by no day."""
    waived = entry("waiver", c5200=-500, **{receivable: 500})
    right = {"account": -106_619, "c1100": 94_619, "c1200": 12_000, "c5200": 500, income: -500}
    entries = [waived, entry("backdated_payment", **right)]
    loan = LoanOnFile(None, "active", "EUR", 1, date(2026, 1, 1), None, 0, 0, "Ada", "Standard")

    found = loan_letters.certificate(
        loan, entries, bank="Giro", since=date(2026, 4, 1), until=date(2027, 3, 31)
    )

    paid = (found.principal_minor, found.interest_minor, found.charges_minor)
    assert paid == (94_619, 12_000, 0)


def test_a_year_may_begin_in_april() -> None:
    assert loan_letters.year_of(2026, 1) == (date(2026, 1, 1), date(2026, 12, 31))
    assert loan_letters.year_of(2027, 4) == (date(2027, 4, 1), date(2028, 3, 31))


async def test_nothing_is_owed_once_everything_is_paid(lender) -> None:
    borrower, stranger = await lender.borrower(30_000_00), await lender.borrower()
    loan_id = await lender.apply(borrower)
    with pytest.raises(LoanStateConflict):
        await booked(lender, loan_id)
    await lender.approve(loan_id)
    await lender.settle()
    with pytest.raises(LoanNotFound):
        await booked(lender, loan_id, stranger.user_id)
    loan, _ = await booked(lender, loan_id, borrower.user_id)
    with pytest.raises(DuesRemain):
        loan_letters.no_dues_document(loan, bank="Giro", issued_on=FAR)

    await lender.pay(borrower, loan_id, mode="foreclose")
    await lender.settle()
    loan, _ = await booked(lender, loan_id)
    letter = loan_letters.no_dues_document(loan, bank="Giro", issued_on=FAR)

    facts = {fact.label: fact.text for fact in letter.sections[0].blocks[1].facts}
    assert facts["How it ended"] == "repaid in full before its time"
    assert facts["Ended on"] == str(await lender.today())


async def test_a_loan_ended_on_the_business_date_of_its_last_payment(lender) -> None:
    """The bank's day, not the wall clock's: tests close days long before they come."""
    borrower = await lender.borrower(30_000_00)
    loan_id = await lender.loan(borrower, tenure_months=1)
    last = (await lender.schedule(loan_id)).lines[-1].line.due_date
    await lender.close_through(last)

    loan, _ = await booked(lender, loan_id)

    assert (loan.status, loan.ended_on) == ("closed", last)
