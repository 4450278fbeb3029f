"""The Standard European Consumer Credit Information: Directive 2008/48/EC, Annex II.

The total amount of credit is what is made available to the borrower: it holds none of the costs
that the bank withholds (Court of Justice, C-377/14 *Radlinger*). Rows that apply to no loan of the
bank (goods on credit, notaries, sureties asked) are left out, as the annex says.
"""

from core.documents.document import Document, Facts, Section
from core.lending.disclosure.offer import Offer
from core.lending.disclosure.words import NONE, counted, money, percent, plain_percent

MANY_AMOUNTS = 6
TITLE = "Standard European Consumer Credit Information"


def consumer_credit_information(offer: Offer, lines: tuple[str, ...]) -> Document:
    """The form; ``lines`` say when and for whom it was drawn up."""
    return Document(
        title=TITLE,
        lines=lines,
        sections=(
            Section(heading="1. Creditor", blocks=(_creditor(offer),)),
            Section(heading="2. Main features of the credit", blocks=(_features(offer),)),
            Section(heading="3. Costs of the credit", blocks=(_costs(offer),)),
            Section(heading="4. Other important legal aspects", blocks=(_rights(offer),)),
        ),
    )


def _creditor(offer: Offer) -> Facts:
    bank = offer.creditor
    told = (
        ("Creditor", bank.name),
        ("Address", bank.address),
        ("Telephone number", bank.phone),
        ("E-mail address", bank.email),
    )
    return Facts.of(*(fact for fact in told if fact[1]))


def _features(offer: Offer) -> Facts:
    currency = offer.currency
    return Facts.of(
        ("Type of credit", f"{offer.product}: a loan repaid in instalments"),
        ("Total amount of credit", money(offer.received_minor, currency)),
        (
            "Conditions governing the drawdown",
            f"Paid out in full to account {offer.account_number} once the loan is approved",
        ),
        ("Duration of the credit agreement", counted(offer.tenure_months, "month")),
        (
            "Instalments",
            f"{offer.frequency}: {_payments(offer)}; "
            f"the last one is due on {offer.rows[-1].due_date.isoformat()}",
        ),
        ("Order in which instalments are allocated", offer.contingencies.allocation),
        (
            "Total amount you will have to pay",
            money(offer.schedule.total_payable_minor, currency),
        ),
        ("Sureties required", NONE),
    )


def _payments(offer: Offer) -> str:
    """The amounts and numbers of the payments; many that differ are told by first and last."""
    runs = list(offer.payments())
    told = [f"{run.count} of {money(run.amount_minor, offer.currency)}" for run in runs]
    if len(runs) <= MANY_AMOUNTS:
        return ", then ".join(told)
    count = sum(run.count for run in runs)
    return f"{count} payments, at first {told[0]}, at last {told[-1]}; all of them upon request"


def _costs(offer: Offer) -> Facts:
    currency = offer.currency
    charged = tuple(
        (f"Related costs: {fee.name}", f"{money(fee.amount_minor, currency)} ({fee.when})")
        for fee in offer.fees
    )
    return Facts.of(
        ("Borrowing rate", f"{plain_percent(offer.terms.annual_rate)} a year, fixed"),
        ("Annual percentage rate of charge (APR)", percent(offer.ear, 1)),
        ("Total cost of the credit", money(offer.finance_charge_minor, currency)),
        ("Is an insurance or another contract compulsory?", "No"),
        *(charged or (("Related costs", NONE),)),
        ("Costs in the case of late payments", _late(offer)),
    )


def _late(offer: Offer) -> str:
    told = (offer.contingencies.overdue, offer.contingencies.late_fee)
    costs = "; ".join(text for text in told if text != NONE) or NONE
    return f"{costs}. Missing payments could have severe consequences for you."


def _rights(offer: Offer) -> Facts:
    days = offer.withdrawal_days
    return Facts.of(
        (
            "Right of withdrawal",
            f"Within {counted(days, 'day')} of the disbursement the loan may be repaid with the"
            " interest earned to that day, and no fee for ending it is asked"
            if days
            else NONE,
        ),
        (
            "Early repayment",
            "You have the right to repay the credit early at any time, fully or partially",
        ),
        ("Compensation in the case of early repayment", offer.contingencies.foreclosure),
        (
            "Consultation of a database",
            "You are told at once and free of charge if a credit is refused on the basis of one;"
            " the bank looks into its own books alone",
        ),
        (
            "Right to a draft credit agreement",
            "Upon request, free of charge, a copy of the draft credit agreement",
        ),
        ("The creditor is bound by this information", "Until the application is decided upon"),
    )
