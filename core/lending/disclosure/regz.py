"""The box of Regulation Z: 12 CFR 1026.18, in the order of model form H-2 (Appendix H).

The annual percentage rate and the finance charge come first and most conspicuously (1026.17(a)).
A fee that is withheld from the loan is a prepaid finance charge: no part of the amount financed.
"""

from core.documents.document import Box, Boxes, Column, Document, Facts, Grid, Section
from core.lending.disclosure.offer import Offer
from core.lending.disclosure.words import NONE, money, percent

TITLE = "Truth in Lending Disclosure"


def truth_in_lending(offer: Offer, lines: tuple[str, ...]) -> Document:
    """The disclosure; ``lines`` say when and for whom it was drawn up."""
    return Document(
        title=TITLE,
        lines=lines,
        sections=(
            Section(heading="The cost of your credit", blocks=(_box(offer),)),
            Section(heading="Your payment schedule", blocks=(_schedule(offer),)),
            Section(heading="Itemization of the amount financed", blocks=(_itemization(offer),)),
            Section(heading="Other terms", blocks=(_other_terms(offer),)),
        ),
    )


def _box(offer: Offer) -> Boxes:
    currency = offer.currency
    paid = offer.schedule.total_payable_minor
    return Boxes(
        boxes=(
            Box(
                title="ANNUAL PERCENTAGE RATE",
                description="The cost of your credit as a yearly rate.",
                text=percent(offer.apr, 2),
            ),
            Box(
                title="FINANCE CHARGE",
                description="The amount the credit will cost you.",
                text=money(offer.finance_charge_minor, currency),
            ),
            Box(
                title="Amount Financed",
                description="The amount of credit provided to you or on your behalf.",
                text=money(offer.received_minor, currency),
            ),
            Box(
                title="Total of Payments",
                description="The amount you will have paid when you have made all payments"
                " as scheduled.",
                text=money(paid, currency),
            ),
        )
    )


def _schedule(offer: Offer) -> Grid:
    return Grid(
        columns=(
            Column(title="Number of payments", width=2),
            Column(title="Amount of payments", width=2),
            Column(title="When payments are due", width=3),
        ),
        rows=tuple(
            (
                str(run.count),
                money(run.amount_minor, offer.currency),
                f"{offer.frequency}, beginning {run.first_due.isoformat()}"
                if run.count > 1
                else run.first_due.isoformat(),
            )
            for run in offer.payments()
        ),
    )


def _itemization(offer: Offer) -> Facts:
    currency = offer.currency
    return Facts.of(
        ("Amount of the loan", money(offer.terms.principal_minor, currency)),
        ("Prepaid finance charge", money(offer.terms.fee_minor, currency)),
        (f"Amount given to you, to account {offer.account_number}",
         money(offer.received_minor, currency)),
    )  # fmt: skip


def _other_terms(offer: Offer) -> Facts:
    ending = offer.contingencies.foreclosure
    prepayment = (
        "If you pay off early, you will not have to pay a penalty"
        if ending == NONE
        else f"If you pay off early, you may have to pay a penalty: {ending}"
    )
    late = "; ".join(
        text for text in (offer.contingencies.late_fee, offer.contingencies.overdue) if text != NONE
    )
    return Facts.of(
        ("Creditor", offer.creditor.name),
        ("Security", "You are giving no security interest"),
        ("Insurance", "No insurance is required"),
        ("Late charge", late or NONE),
        ("Prepayment", f"{prepayment}. What was withheld at the disbursement is not refunded."),
        (
            "Contract",
            "See your contract documents for any additional information about nonpayment, default,"
            " any required repayment in full before the scheduled date, and prepayment refunds"
            " and penalties",
        ),
    )
