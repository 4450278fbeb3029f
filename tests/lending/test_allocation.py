"""A payment settles the oldest debt first; nothing is lost and nothing is paid twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lending.servicing.allocation import Owed, Paid, Split, allocate, total

amounts = st.integers(0, 10**9)
splits = st.builds(Split, amounts, amounts, amounts, amounts)
debts = st.lists(splits, max_size=8).map(
    lambda unpaid: [Owed(number, split) for number, split in enumerate(unpaid, 1)]
)

MARCH = Owed(3, Split(penalty=50, fee=20, interest=100, principal=800))
APRIL = Owed(4, Split(interest=90, principal=810))


def test_a_payment_settles_penalty_fee_interest_and_principal_in_this_order():
    assert allocate(60, [MARCH]).paid == (Paid(3, Split(penalty=50, fee=10)),)
    assert allocate(170, [MARCH]).split == Split(penalty=50, fee=20, interest=100)
    assert allocate(171, [MARCH]).split == Split(penalty=50, fee=20, interest=100, principal=1)


def test_the_oldest_instalment_is_settled_in_full_before_the_next_sees_anything():
    allocation = allocate(1_000, [APRIL, MARCH])
    assert allocation.paid == (Paid(3, MARCH.unpaid), Paid(4, Split(interest=30)))


def test_a_product_may_put_all_interest_before_any_principal():
    allocation = allocate(265, [MARCH, APRIL], interest_first=True)
    assert allocation.paid == (
        Paid(3, Split(penalty=50, fee=20, interest=100, principal=5)),
        Paid(4, Split(interest=90)),
    )


def test_interest_that_is_not_due_waits_for_principal_that_is():
    allocation = allocate(1_000, [MARCH], [APRIL], interest_first=True)
    assert allocation.paid == (Paid(3, MARCH.unpaid), Paid(4, Split(interest=30)))


def test_what_exceeds_the_debt_is_handed_back_as_the_remainder():
    assert allocate(5_000, [MARCH, APRIL]).remainder_minor == 5_000 - 970 - 900


def test_a_negative_payment_is_a_defect():
    with pytest.raises(ValueError, match="never negative"):
        allocate(-1, [MARCH])


@given(st.integers(0, 10**10), debts, st.booleans())
def test_money_is_conserved_and_no_debt_is_overpaid(amount, owed, interest_first):
    allocation = allocate(amount, owed, interest_first=interest_first)
    assert allocation.split.total + allocation.remainder_minor == amount
    unpaid = {each.number: each.unpaid for each in owed}
    for part in allocation.paid:
        rest = unpaid[part.number] - part.split
        assert min(rest.penalty, rest.fee, rest.interest, rest.principal) >= 0
    if allocation.remainder_minor:
        assert allocation.split == total(each.unpaid for each in owed)


@given(st.integers(0, 10**10), debts, st.integers(0, 8), st.booleans())
def test_nothing_reaches_what_is_not_due_while_anything_due_is_unpaid(
    amount, owed, count, interest_first
):
    due, later = owed[:count], owed[count:]
    paid = allocate(amount, due, later, interest_first=interest_first).paid
    if any(part.number > count for part in paid):
        settled = total(part.split for part in paid if part.number <= count)
        assert settled == total(each.unpaid for each in due)


@given(st.integers(0, 10**10), debts)
def test_nothing_reaches_an_instalment_while_an_older_one_is_unpaid(amount, owed):
    allocation = allocate(amount, owed)
    reached = [part.number for part in allocation.paid]
    by_number = {part.number: part.split for part in allocation.paid}
    for debt in owed:
        if reached and debt.number < max(reached):
            assert by_number.get(debt.number, Split()) == debt.unpaid


@given(st.integers(0, 10**9), st.integers(0, 10**9), debts)
def test_two_payments_settle_what_one_of_their_sum_would(first, second, owed):
    once = allocate(first + second, owed).split
    part = allocate(first, owed)
    settled = {each.number: each.split for each in part.paid}
    left = [Owed(o.number, o.unpaid - settled.get(o.number, Split())) for o in owed]
    assert part.split + allocate(second, left).split == once
