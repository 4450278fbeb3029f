"""Creditability: what a borrower can carry, and what the books say of them."""

import random
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lending.origination.assessment import Behaviour, Inputs, Recommendation, assess
from core.lending.origination.capacity import (
    Capacity,
    Proposal,
    foir,
    max_eligible_minor,
    present_value,
)
from core.lending.origination.inflows import SeenIncome, seen_income
from core.lending.origination.policy import CURRENT, POLICIES
from core.lending.origination.reasons import MOST_REASONS, PHRASES, Reason, ReasonCode, principal

LOAN = Proposal(
    amount_minor=10_000_00,
    monthly_emi_minor=888_49,
    annual_rate_percent=Decimal(12),
    months=12,
)
GOOD = Behaviour(relationship_days=400, average_balance_minor=6_000_00, worst_dpd=0)


def confirmed(income, existing=0, **fields):
    """A month whose income the accounts show in full."""
    return Capacity(income, existing, seen_minor=income, **fields)


def judge(capacity, behaviour=GOOD, proposal=LOAN):
    return assess(Inputs(capacity, behaviour, proposal))


def codes(assessment):
    return {reason.code for reason in assessment.reasons}


def texts(assessment):
    return [reason.text for reason in assessment.reasons]


def test_foir_is_all_obligations_over_income():
    assert foir(confirmed(4_000_00, 600_00), 888_49, 50) == Decimal("0.3721")
    assert foir(Capacity(None, 600_00), 888_49, 50) is None


def test_the_present_value_of_the_emi_is_the_loan():
    # Twelve payments of 888.49 at 12 % a year carry 10,000.00 (the textbook's 888.4879).
    assert present_value(Decimal("888.4879"), Decimal(12), 12).quantize(Decimal("0.01")) == 10_000
    assert present_value(Decimal(100), Decimal(0), 12) == 1_200


def test_half_the_income_is_the_ceiling_of_what_may_be_borrowed():
    # 50 % of 2,000 less 111.51 leaves 888.49 a month.
    largest = max_eligible_minor(confirmed(2_000_00, 111_51), LOAN, CURRENT)
    assert 10_000_00 <= largest <= 10_000_10


def test_a_good_customer_who_can_carry_it_is_recommended():
    assessment = judge(confirmed(5_000_00))
    assert assessment.recommendation is Recommendation.APPROVE
    assert assessment.score == 900  # 650 + 40 + 60 + 40 + 80 + 80, and no more than 900
    assert "Earlier loans were always paid on time" in texts(assessment)


def test_who_cannot_carry_it_is_declined_with_the_reason_in_words():
    assessment = judge(confirmed(1_000_00))
    assert assessment.recommendation is Recommendation.DECLINE
    assert any("above the ceiling of 50 %" in text for text in texts(assessment))
    assert assessment.max_eligible_minor < LOAN.amount_minor


def test_what_is_only_declared_counts_by_half_and_is_said_to():
    # Of 4,000 the accounts show 1,000: 1,000 + 50 % of 3,000 = 2,500.
    capacity = Capacity(4_000_00, 0, seen_minor=1_000_00)
    assert capacity.counted_minor(50) == 2_500_00
    assessment = judge(capacity)
    assert assessment.foir == Decimal("0.3554")  # 888.49 / 2,500
    assert ReasonCode.INCOME_UNVERIFIED in codes(assessment)
    assert any("50 % counts" in text for text in texts(assessment))
    assert assessment.max_eligible_minor < judge(confirmed(4_000_00)).max_eligible_minor
    assert assessment.score < judge(confirmed(4_000_00)).score


def test_a_loan_that_fits_the_declared_income_only_is_for_a_person_to_verify():
    # 888.49 is 44.4 % of 2,000, and 88.8 % of the half that counts.
    assessment = judge(Capacity(2_000_00, 0))
    assert assessment.recommendation is Recommendation.REFER
    assert ReasonCode.INCOME_INSUFFICIENT in codes(assessment)
    assert any("88.8 % of the income that counts" in text for text in texts(assessment))
    proven = judge(Capacity(2_000_00, 0, documented_minor=2_000_00))
    assert proven.recommendation is Recommendation.APPROVE
    less = judge(Capacity(2_000_00, 0, documented_minor=1_000_00))
    assert less.recommendation is Recommendation.DECLINE


def test_a_stranger_with_a_large_claim_is_not_recommended():
    assessment = judge(Capacity(10**12, 0), Behaviour())
    assert assessment.recommendation is Recommendation.REFER


def test_an_income_that_nobody_told_is_what_the_accounts_show():
    seen = Capacity(None, 0, seen_minor=4_000_00)
    assert judge(seen).foir == judge(confirmed(4_000_00)).foir
    assert judge(Capacity(None, 0)).foir is None


def test_the_households_obligations_are_carried_by_the_households_income():
    # (400 + 300 + 888.49) / (4,000 + 50 % of 1,000) = 35.3 %.
    capacity = confirmed(
        4_000_00, 400_00, household_income_minor=1_000_00, household_obligations_minor=300_00
    )
    assert judge(capacity).foir == Decimal("0.3530")
    alone = replace(capacity, household_income_minor=0)
    assert judge(alone).foir == Decimal("0.3971")
    assert judge(alone).max_eligible_minor < judge(capacity).max_eligible_minor
    # Another's income carries no loan of somebody who has none.
    none = Capacity(0, 0, household_income_minor=9_000_00)
    assert judge(none).recommendation is Recommendation.DECLINE


def test_an_unknown_income_is_referred_to_a_person():
    assessment = judge(Capacity(None, 0), Behaviour())
    assert assessment.recommendation is Recommendation.REFER
    assert assessment.foir is None
    assert assessment.max_eligible_minor == 0


def test_instalments_in_another_currency_are_for_a_person_to_weigh():
    assessment = judge(confirmed(5_000_00, uncounted_currencies=("JPY",)))
    assert assessment.recommendation is Recommendation.REFER
    assert any("JPY" in text for text in texts(assessment))
    too_much = judge(confirmed(1_000_00, uncounted_currencies=("JPY",)))
    assert too_much.recommendation is Recommendation.DECLINE


def test_no_income_at_all_carries_no_loan():
    assessment = judge(Capacity(0, 0))
    assert assessment.recommendation is Recommendation.DECLINE
    assert "There is no monthly income" in texts(assessment)


def test_a_past_default_weighs_more_than_a_large_balance():
    defaulted = Behaviour(relationship_days=400, average_balance_minor=10**9, worst_dpd=120)
    bounced = Behaviour(worst_dpd=120, bounced_debits=3)
    assert judge(Capacity(5_000_00, 0), defaulted).score < 600
    assert judge(Capacity(5_000_00, 0), bounced).recommendation is Recommendation.DECLINE


def test_the_largest_loan_offered_is_never_above_the_products():
    capped = replace(LOAN, product_max_minor=50_000_00)
    assert judge(confirmed(10**9), proposal=capped).max_eligible_minor == 50_000_00


def test_at_most_four_reasons_are_told_the_decisive_first_then_the_costliest():
    bad = Behaviour(
        average_balance_minor=0,
        overdraft_days=90,
        bounced_debits=2,
        worst_dpd=40,
        seen_income=SeenIncome(months=1, of_months=6),
    )
    assessment = judge(Capacity(1_000_00, 0), bad)
    told = principal(assessment.reasons)
    assert [reason.code for reason in told] == [
        ReasonCode.EXCESSIVE_OBLIGATIONS,  # declines alone
        ReasonCode.PAID_VERY_LATE,  # -120
        ReasonCode.OVERDRAFT_OFTEN,  # -80
        ReasonCode.RETURNED_DEBITS,  # 2 x -25
    ]
    assert len(principal([*assessment.reasons] * 2)) == MOST_REASONS
    assert "88.8 % of the income" in told[0].text
    nothing_against = judge(confirmed(5_000_00))
    assert principal(nothing_against.reasons) == []


def test_only_what_speaks_against_somebody_is_a_reason_to_reject():
    for code in ReasonCode:
        points = CURRENT.points.get(code, 0)
        assert points <= 0 or code not in PHRASES
        assert points >= 0 or code in PHRASES
        assert bool(principal([Reason(code, "", points)])) == (code in PHRASES)


@given(
    st.integers(1, 10**9),
    st.integers(0, 10**9),
    st.decimals(0, 48, places=2, allow_nan=False),
    st.integers(1, 480),
)
def test_the_largest_loan_just_fits_under_the_ceiling(income, existing, rate, months):
    capacity = confirmed(income, existing)
    proposal = Proposal(1, 1, rate, months)
    largest = max_eligible_minor(capacity, proposal, CURRENT)
    affordable = Decimal(income) / 2 - existing
    if affordable <= 0:
        assert largest == 0
    else:
        assert largest <= present_value(affordable, rate, months) < largest + 1


@given(st.integers(1, 10**9), st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_what_is_confirmed_only_ever_helps(declared, seen, more, existing):
    some = judge(Capacity(declared, existing, seen_minor=seen))
    better = judge(Capacity(declared, existing, seen_minor=seen + more))
    assert better.max_eligible_minor >= some.max_eligible_minor
    assert better.score >= some.score


@pytest.mark.parametrize("income", [None, 1, 10**7])
@given(st.builds(Behaviour, *[st.integers(0, 10**6)] * 5))
def test_the_score_stays_between_300_and_900(income, behaviour):
    assert 300 <= judge(Capacity(income, 0), behaviour).score <= 900


def test_an_assessment_can_be_made_again_from_what_is_kept_of_it():
    behaviour = replace(GOOD, bounced_debits=2, seen_income=SeenIncome(3_000_00, 5, 6, 2, 10))
    capacity = confirmed(4_000_00, uncounted_currencies=("JPY",), household_income_minor=5)
    made = judge(capacity, behaviour)
    inputs = msgspec.json.decode(msgspec.json.encode(made.inputs), type=Inputs)
    assert assess(inputs, POLICIES[made.policy_version]) == made


def outcomes():
    """What the policy says of some thousand borrowers, the same ones each time."""
    chance = random.Random(1)
    for _ in range(3_000):
        income = chance.choice([None, 0, chance.randrange(1, 10_000_00)])
        seen = chance.choice([0, chance.randrange(10_000_00)])
        capacity = Capacity(
            income,
            chance.randrange(1_000_00),
            chance.randrange(1_000_00),
            seen,
            chance.choice([None, None, income or 0]),
            chance.choice([0, chance.randrange(5_000_00)]),
            chance.choice([0, chance.randrange(1_000_00)]),
            chance.choice([(), ("JPY",)]),
        )
        behaviour = Behaviour(
            relationship_days=chance.randrange(500),
            average_balance_minor=chance.randrange(-1_000_00, 8_000_00),
            overdraft_days=chance.randrange(100),
            bounced_debits=chance.choice([0, 0, chance.randrange(8)]),
            worst_dpd=chance.choice([None, 0, chance.randrange(150)]),
            seen_income=SeenIncome(seen, chance.randrange(7), 6, 1, chance.choice([0, 5])),
        )
        made = judge(capacity, behaviour)
        points = [(reason.code.value, reason.points) for reason in made.reasons]
        yield made.score, str(made.foir), made.max_eligible_minor, str(made.recommendation), points


def flow_outcomes():
    chance = random.Random(2)
    for _ in range(500):
        flows = sorted(
            (date(2026, 5, 1) + timedelta(chance.randrange(200)), who, chance.randrange(-9, 20))
            for who in "ab" * chance.randrange(12)
        )
        yield seen_income(flows, date(2026, 11, 21), CURRENT)


def test_a_policy_that_judges_otherwise_has_another_version():
    """Whoever changes what the policy says gives it a new version, and keeps the old one."""
    judged = f"{list(outcomes())}{list(flow_outcomes())}".encode()
    assert (CURRENT.version, sha256(judged).hexdigest()[:16]) == ("2026-11", "8ab155aa053c3dba")
