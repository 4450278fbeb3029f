"""Creditability: what a borrower can carry, and what the books say of them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lending.origination.assessment import (
    Behaviour,
    Capacity,
    Policy,
    Proposal,
    Recommendation,
    assess,
    foir,
    max_eligible_minor,
    present_value,
)

LOAN = Proposal(
    amount_minor=10_000_00,
    monthly_emi_minor=888_49,
    annual_rate_percent=Decimal(12),
    months=12,
)
GOOD = Behaviour(relationship_days=400, average_balance_minor=6_000_00, worst_dpd=0)


def test_foir_is_all_obligations_over_income():
    assert foir(Capacity(4_000_00, 600_00), 888_49) == Decimal("0.3721")
    assert foir(Capacity(None, 600_00), 888_49) is None


def test_the_present_value_of_the_emi_is_the_loan():
    # Twelve payments of 888.49 at 12 % a year carry 10,000.00 (the textbook's 888.4879).
    assert present_value(Decimal("888.4879"), Decimal(12), 12).quantize(Decimal("0.01")) == 10_000
    assert present_value(Decimal(100), Decimal(0), 12) == 1_200


def test_half_the_income_is_the_ceiling_of_what_may_be_borrowed():
    # 50 % of 2,000 less 111.51 leaves 888.49 a month.
    largest = max_eligible_minor(Capacity(2_000_00, 111_51), LOAN, Policy())
    assert 10_000_00 <= largest <= 10_000_10


def test_a_good_customer_who_can_carry_it_is_recommended():
    assessment = assess(Capacity(5_000_00, 0), GOOD, LOAN)
    assert assessment.recommendation is Recommendation.APPROVE
    assert assessment.score == 890
    assert "Earlier loans were always paid on time" in assessment.reasons


def test_who_cannot_carry_it_is_declined_with_the_reason_in_words():
    assessment = assess(Capacity(1_000_00, 0), GOOD, LOAN)
    assert assessment.recommendation is Recommendation.DECLINE
    assert any("above the ceiling of 50 %" in reason for reason in assessment.reasons)
    assert assessment.max_eligible_minor < LOAN.amount_minor


def test_an_unknown_income_is_referred_to_a_person():
    assessment = assess(Capacity(None, 0), Behaviour(), LOAN)
    assert assessment.recommendation is Recommendation.REFER
    assert assessment.foir is None
    assert assessment.max_eligible_minor == 0


def test_instalments_in_another_currency_are_for_a_person_to_weigh():
    assessment = assess(Capacity(5_000_00, 0, ("JPY",)), GOOD, LOAN)
    assert assessment.recommendation is Recommendation.REFER
    assert any("JPY" in reason for reason in assessment.reasons)
    too_much = assess(Capacity(1_000_00, 0, ("JPY",)), GOOD, LOAN)
    assert too_much.recommendation is Recommendation.DECLINE


def test_no_income_at_all_carries_no_loan():
    assessment = assess(Capacity(0, 0), GOOD, LOAN)
    assert assessment.recommendation is Recommendation.DECLINE
    assert "There is no monthly income" in assessment.reasons


def test_a_past_default_weighs_more_than_a_large_balance():
    defaulted = Behaviour(relationship_days=400, average_balance_minor=10**9, worst_dpd=120)
    bounced = Behaviour(worst_dpd=120, bounced_debits=3)
    assert assess(Capacity(5_000_00, 0), defaulted, LOAN).score < 600
    assert assess(Capacity(5_000_00, 0), bounced, LOAN).recommendation is Recommendation.DECLINE


def test_the_largest_loan_offered_is_never_above_the_products():
    capped = Proposal(10_000_00, 888_49, Decimal(12), 12, product_max_minor=50_000_00)
    assert assess(Capacity(10**9, 0), GOOD, capped).max_eligible_minor == 50_000_00


@given(
    st.integers(1, 10**9),
    st.integers(0, 10**9),
    st.decimals(0, 48, places=2, allow_nan=False),
    st.integers(1, 480),
)
def test_the_largest_loan_just_fits_under_the_ceiling(income, existing, rate, months):
    capacity = Capacity(income, existing)
    proposal = Proposal(1, 1, rate, months)
    largest = max_eligible_minor(capacity, proposal, Policy())
    affordable = Decimal(income) / 2 - existing
    if affordable <= 0:
        assert largest == 0
    else:
        assert largest <= present_value(affordable, rate, months) < largest + 1


@pytest.mark.parametrize("income", [None, 1, 10**7])
@given(st.builds(Behaviour, *[st.integers(0, 10**6)] * 6))
def test_the_score_stays_between_300_and_900(income, behaviour):
    assert 300 <= assess(Capacity(income, 0), behaviour, LOAN).score <= 900
