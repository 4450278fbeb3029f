"""The Key Facts Statement of the Reserve Bank of India.

Circular RBI/2024-25/18 DOR.STR.REC.13/13.03.00/2024-25 of 15 April 2024: Annex A (parts 1 and 2),
Annex B (how the APR is computed), Annex C (the repayment schedule). Numbers are the annexes' own.
"""

from core.documents.document import Block, Column, Document, Facts, Grid, Note, Section
from core.lending.disclosure.offer import Offer
from core.lending.disclosure.words import (
    NONE,
    NOT_APPLICABLE,
    counted,
    figure,
    money,
    plain_percent,
)
from core.lending.disclosure.words import percent as rounded

TITLE = "Key Facts Statement"
CONTRACT = "See the loan agreement"


def key_facts_statement(offer: Offer, lines: tuple[str, ...]) -> Document:
    """The statement; ``lines`` say when and for whom it was drawn up."""
    return Document(
        title=TITLE,
        lines=lines,
        sections=(
            Section(heading="Part 1: interest rate and fees or charges", blocks=_part_1(offer)),
            Section(heading="Part 2: other qualitative information", blocks=(_part_2(offer),)),
            Section(heading="Annex B: computation of the APR", blocks=(_annex_b(offer),)),
            Section(heading="Annex C: repayment schedule", blocks=(_annex_c(offer),)),
        ),
    )


def _part_1(offer: Offer) -> tuple[Block, ...]:
    first = offer.rows[0].due_date
    loan = Facts.of(
        ("1. Loan proposal number", str(offer.loan_id)),
        ("Type of loan", offer.product),
        ("2. Sanctioned loan amount", money(offer.terms.principal_minor, offer.currency)),
        ("3. Disbursal schedule", f"100 % upfront, to account {offer.account_number}"),
        ("4. Loan term", counted(offer.tenure_months, "month")),
        ("5. Type of instalments", offer.frequency),
        ("Number of instalments", str(len(offer.rows))),
        ("Equated periodic instalment", money(offer.schedule.emi_minor, offer.currency)),
        ("Commencement of repayment, post sanction", first.isoformat()),
        ("6. Interest rate and type", f"{plain_percent(offer.terms.annual_rate)} a year, fixed"),
        ("7. Additional information on a floating rate", NOT_APPLICABLE),
    )
    fees = Grid(
        columns=(
            Column(title="8. Fees and charges", width=4),
            Column(title="One-time or recurring", width=4),
            Column(title="Payable to the bank", width=3, numeric=True),
            Column(title="Payable to a third party", width=3, numeric=True),
        ),
        rows=tuple(
            (fee.name, fee.when, money(fee.amount_minor, offer.currency), NONE)
            for fee in offer.fees
        )
        or ((NONE, "", "", ""),),
    )
    cost = Facts.of(
        ("9. Annual percentage rate (APR)", rounded(offer.apr, 2)),
        ("10. Contingent charges", ""),
        ("(i) Penal charges in case of delayed payment", offer.contingencies.overdue),
        ("(ii) Other penal charges", offer.contingencies.late_fee),
        ("(iii) Foreclosure charges", offer.contingencies.foreclosure),
        ("(iv) Charges for switching between floating and fixed rate", NOT_APPLICABLE),
        ("(v) Other charges", offer.contingencies.others),
    )
    return loan, fees, cost


def _part_2(offer: Offer) -> Facts:
    bank = offer.creditor
    officer = ", ".join(filter(None, (bank.phone, bank.email))) or CONTRACT
    return Facts.of(
        ("1. Clause of the agreement on recovery agents", CONTRACT),
        ("2. Clause of the agreement on grievance redressal", CONTRACT),
        ("3. Nodal grievance redressal officer", officer),
        ("4. Loan subject to transfer or securitisation", "No"),
        ("5. Collaborative lending arrangement", NOT_APPLICABLE),
        (
            "6. Cooling-off period, without a charge for ending the loan",
            counted(offer.withdrawal_days, "day") if offer.withdrawal_days else NONE,
        ),
        ("Lending service provider acting as recovery agent", NOT_APPLICABLE),
    )


def _annex_b(offer: Offer) -> Facts:
    interest = offer.schedule.total_interest_minor
    fees = sum(fee.amount_minor for fee in offer.fees)
    count = len(offer.rows)
    instalment = money(offer.schedule.emi_minor, offer.currency)
    return Facts.of(
        ("1. Sanctioned loan amount", money(offer.terms.principal_minor, offer.currency)),
        ("2. Loan term", counted(offer.tenure_months, "month")),
        ("Instalments", f"{offer.frequency}, {count} of {instalment}"),
        ("Commencement of repayment", offer.rows[0].due_date.isoformat()),
        ("3. Interest rate type", "Fixed"),
        ("4. Rate of interest", plain_percent(offer.terms.annual_rate)),
        ("5. Total interest over the whole term", money(interest, offer.currency)),
        ("6. Fees and charges payable", money(fees, offer.currency)),
        ("(A) Payable to the bank", money(fees, offer.currency)),
        ("(B) Payable to third parties through the bank", money(0, offer.currency)),
        ("7. Net disbursed amount", money(offer.received_minor, offer.currency)),
        (
            "8. Total amount to be paid by the borrower",
            money(offer.schedule.total_payable_minor, offer.currency),
        ),
        ("9. Annual percentage rate, on the net disbursed amount", rounded(offer.apr, 2)),
        ("10. Schedule of disbursement", f"In full, on {offer.on.isoformat()}"),
        ("11. Due dates of instalments", "See Annex C"),
    )


def _annex_c(offer: Offer) -> Grid | Note:
    currency = offer.currency
    return Grid(
        columns=(
            Column(title="No."),
            Column(title="Due date", width=2),
            Column(title=f"Outstanding principal ({currency})", width=3, numeric=True),
            Column(title="Principal", width=2, numeric=True),
            Column(title="Interest", width=2, numeric=True),
            Column(title="Fees", width=2, numeric=True),
            Column(title="Instalment", width=2, numeric=True),
        ),
        rows=tuple(
            (
                str(row.number),
                row.due_date.isoformat(),
                figure(row.opening_balance_minor, currency),
                figure(row.principal_minor, currency),
                figure(row.interest_minor, currency),
                figure(row.fee_minor, currency),
                figure(row.total_minor, currency),
            )
            for row in offer.rows
        ),
    )
