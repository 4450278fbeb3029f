"""What an assessment finds, in codes and words, and which of it a rejected applicant is told.

Source: Regulation B. 12 CFR 1002.9(b)(2): the reasons must be specific and name the principal
ones; that internal standards were not met, or a score not reached, is no reason. The Official
Interpretation of 9(b)(2): more than four are unlikely to help (comment 1); what is told are the
factors that were actually scored (comment 4), and where one of them alone makes the bank decline,
that one (comment 8, automatic denial). The phrases are those of sample form C-1 (appendix C to
part 1002) where it has one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

MOST_REASONS: Final = 4


class ReasonCode(StrEnum):
    """What was found, for good or ill. Codes never change once published; words may."""

    # For the applicant, or neither way
    OBLIGATIONS_LOW = "obligations_low"
    OBLIGATIONS_WITHIN = "obligations_within_ceiling"
    INCOME_CONFIRMED = "income_confirmed"
    INCOME_CONFIRMED_IN_PART = "income_confirmed_in_part"
    HOUSEHOLD_INCOME = "household_income_declared"
    MONEY_SENT_BACK = "money_sent_back"
    LONG_RELATIONSHIP = "long_relationship"
    RELATIONSHIP = "relationship"
    BALANCE_AMPLE = "balance_ample"
    BALANCE_GOOD = "balance_good"
    PAID_ON_TIME = "paid_on_time"

    # Against, as the rules find it
    NO_INCOME = "no_income"
    EXCESSIVE_OBLIGATIONS = "excessive_obligations"
    INCOME_NOT_STATED = "income_not_stated"
    INCOME_INSUFFICIENT = "income_insufficient"
    INCOME_UNVERIFIED = "income_unverified"
    INCOME_IRREGULAR = "income_irregular"
    OTHER_CURRENCIES = "obligations_in_other_currencies"
    DEFAULTED = "defaulted_with_us"
    PAID_VERY_LATE = "paid_very_late_with_us"
    PAID_LATE = "paid_late_with_us"
    RETURNED_DEBITS = "returned_debits"
    OVERDRAFT_OFTEN = "overdraft_often"
    OVERDRAFT_USED = "overdraft_used"
    BALANCE_LOW = "balance_low"
    SHORT_RELATIONSHIP = "short_relationship"

    # Against, as only a person can find it
    APPLICATION_INCOMPLETE = "application_incomplete"
    REFERENCES_INSUFFICIENT = "credit_references_insufficient"
    EMPLOYMENT_IRREGULAR = "employment_irregular"
    EMPLOYMENT_UNVERIFIED = "employment_unverified"
    EMPLOYMENT_SHORT = "employment_short"
    RESIDENCE_UNVERIFIED = "residence_unverified"
    IDENTITY_UNVERIFIED = "identity_unverified"
    LIMITED_CREDIT_HISTORY = "limited_credit_history"
    DELINQUENT_ELSEWHERE = "delinquent_with_others"
    COLLECTION_OR_JUDGMENT = "collection_or_judgment"
    BANKRUPTCY = "bankruptcy"
    COLLATERAL_INSUFFICIENT = "collateral_insufficient"
    OTHER = "other"
    # Of a rejection for which neither the rules nor the officer named one
    ON_REQUEST = "reasons_on_request"


# What a rejection may be for; in the order in which equal ones are told.
PHRASES: Final[dict[ReasonCode, str]] = {
    ReasonCode.NO_INCOME: "There is no monthly income",
    ReasonCode.EXCESSIVE_OBLIGATIONS: "Excessive obligations in relation to income",
    ReasonCode.DEFAULTED: "An earlier loan with us was in default",
    ReasonCode.PAID_VERY_LATE: "Poor credit performance with us",
    ReasonCode.PAID_LATE: "Poor credit performance with us",
    ReasonCode.RETURNED_DEBITS: "Debits failed for lack of funds",
    ReasonCode.OVERDRAFT_OFTEN: "Frequent use of the overdraft",
    ReasonCode.OVERDRAFT_USED: "Use of the overdraft",
    ReasonCode.INCOME_UNVERIFIED: "Unable to verify income",
    ReasonCode.INCOME_INSUFFICIENT: "Income insufficient for amount of credit requested",
    ReasonCode.INCOME_NOT_STATED: "The monthly income is not known",
    ReasonCode.INCOME_IRREGULAR: "Irregular income",
    ReasonCode.BALANCE_LOW: "Low average balance on the accounts with us",
    ReasonCode.SHORT_RELATIONSHIP: "Length of time as our customer",
    ReasonCode.OTHER_CURRENCIES: "Obligations in other currencies",
    ReasonCode.APPLICATION_INCOMPLETE: "Credit application incomplete",
    ReasonCode.REFERENCES_INSUFFICIENT: "Insufficient number of credit references provided",
    ReasonCode.EMPLOYMENT_IRREGULAR: "Temporary or irregular employment",
    ReasonCode.EMPLOYMENT_UNVERIFIED: "Unable to verify employment",
    ReasonCode.EMPLOYMENT_SHORT: "Length of employment",
    ReasonCode.RESIDENCE_UNVERIFIED: "Unable to verify residence",
    ReasonCode.IDENTITY_UNVERIFIED: "Unable to verify identity",
    ReasonCode.LIMITED_CREDIT_HISTORY: "Limited credit experience",
    ReasonCode.DELINQUENT_ELSEWHERE: "Delinquent past or present credit obligations with others",
    ReasonCode.COLLECTION_OR_JUDGMENT: "Collection action or judgment",
    ReasonCode.BANKRUPTCY: "Bankruptcy",
    ReasonCode.COLLATERAL_INSUFFICIENT: "Value or type of collateral not sufficient",
    ReasonCode.OTHER: "Other",
}
# Each of them declines by itself, whatever the score.
DECISIVE: Final = frozenset({ReasonCode.NO_INCOME, ReasonCode.EXCESSIVE_OBLIGATIONS})
_RANK: Final = {code: rank for rank, code in enumerate(PHRASES)}


@dataclass(frozen=True, slots=True)
class Reason:
    """One step away from neutral: its code, the words for it, the points that it gave or cost."""

    code: ReasonCode
    text: str
    points: int = 0


class Told(NamedTuple):
    """A reason as a rejected applicant is told it."""

    code: ReasonCode
    text: str


# 12 CFR 1002.9(a)(2)(ii): instead of the reasons, the right to be told them.
ASK_FOR_THEM: Final = Told(
    ReasonCode.ON_REQUEST,
    "You may ask us within 60 days for the specific reasons; we tell them within 30 days",
)


def principal(found: Iterable[Reason]) -> list[Told]:
    """The at most four reasons that spoke most against, the worst first.

    What declines by itself comes first, then what cost the most points against neutral.
    """
    against = [reason for reason in found if reason.code in PHRASES]
    against.sort(key=lambda r: (r.code not in DECISIVE, r.points, _RANK[r.code]))
    return [Told(reason.code, reason.text) for reason in against[:MOST_REASONS]]


def chosen(codes: Sequence[ReasonCode], found: Iterable[Reason], other: str | None) -> list[Told]:
    """An officer's own ``codes``, in their order.

    In the assessment's words where it found the same, else in the form's; ``other`` in the
    officer's.
    """
    words = {reason.code: reason.text for reason in found}
    if other:
        words[ReasonCode.OTHER] = other
    return [Told(code, words.get(code, PHRASES[code])) for code in codes]
