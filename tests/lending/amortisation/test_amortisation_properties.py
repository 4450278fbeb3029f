"""What holds of every schedule, whatever the terms."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.lending.amortisation import (
    FREQUENCIES,
    HIGHEST_PERCENT,
    DayCount,
    Frequency,
    InterestPause,
    Method,
    Prepayment,
    PrepaymentMode,
    Rounding,
    Schedule,
    Terms,
    TermsError,
    Unit,
    generate,
    level_instalment,
    quote,
    reschedule,
)

frequencies = st.sampled_from(list(FREQUENCIES.values())) | st.builds(
    Frequency, st.integers(1, 40), st.just(Unit.DAYS)
)
rates = st.decimals(0, 60, places=2) | st.sampled_from([Decimal(0), Decimal("7.125")])
starts = st.dates(date(2019, 1, 1), date(2032, 12, 31))


@st.composite
def loans(draw: st.DrawFn, *, prepaid: bool = False, paused: bool = False) -> Terms:
    count = draw(st.integers(1, 60))
    start = draw(starts)
    first_due = draw(st.none() | st.integers(1, 120).map(lambda days: start + timedelta(days)))
    pauses = []
    if paused:
        for _ in range(draw(st.integers(1, 3))):
            begin = start + timedelta(days=draw(st.integers(0, 400)))
            pauses.append(InterestPause(begin, begin + timedelta(days=draw(st.integers(0, 90)))))
    prepayments = []
    if prepaid:
        prepayments = draw(
            st.lists(
                st.builds(
                    Prepayment,
                    st.integers(1, count),
                    st.integers(1, 200_000),
                    st.sampled_from(PrepaymentMode),
                ),
                max_size=3,
            )
        )
    return Terms(
        principal_minor=draw(st.integers(1, 2_000) | st.integers(10_000, 10**9)),
        annual_rate=draw(rates),
        instalments=count,
        start_date=start,
        first_due_date=first_due,
        method=draw(st.sampled_from(Method)),
        frequency=draw(frequencies),
        day_count=draw(st.sampled_from(DayCount)),
        rounding=draw(st.sampled_from(Rounding)),
        rounding_unit_minor=draw(st.sampled_from([1, 100, 500, 1000])),
        smoothing=draw(st.booleans()),
        moratorium=draw(st.integers(0, min(6, count - 1))),
        interest_moratorium=draw(st.integers(0, min(6, count - 1))),
        prepayments=tuple(prepayments),
        interest_pauses=tuple(pauses),
    )


def check(terms: Terms, schedule: Schedule) -> None:
    """Assert what no terms may break."""
    assert schedule.principal_minor == terms.principal_minor
    balance, due = terms.principal_minor, terms.start_date
    for number, row in enumerate(schedule.instalments, 1):
        assert row.number == number
        assert row.start_date == due < row.due_date
        assert row.opening_balance_minor == balance
        assert row.principal_minor >= 0
        assert row.interest_minor >= 0
        assert row.total_minor == row.principal_minor + row.interest_minor + row.fee_minor
        assert row.balance_minor == balance - row.principal_minor >= 0
        assert row.earned_minor >= 0
        balance, due = row.balance_minor, row.due_date
    assert balance == 0
    assert sum(row.earned_minor for row in schedule.instalments) == schedule.total_interest_minor


@given(loans())
@settings(deadline=None, max_examples=300)
def test_every_loan_is_repaid_to_the_last_minor_unit(terms: Terms) -> None:
    schedule = generate(terms)
    check(terms, schedule)
    assert len(schedule.instalments) == terms.instalments


@given(loans(paused=True))
@settings(deadline=None, max_examples=150)
def test_pauses_never_cost_more_nor_drop_an_instalment(terms: Terms) -> None:
    schedule = generate(terms)
    check(terms, schedule)
    assert len(schedule.instalments) == terms.instalments


@given(loans(prepaid=True))
@settings(deadline=None, max_examples=200)
def test_prepayments_only_shorten(terms: Terms) -> None:
    try:
        schedule = generate(terms)
    except TermsError as refused:
        assert refused.field == "prepayments"  # noqa: PT017 - the schedule is what is tested
        assume(False)
    check(terms, schedule)
    assert len(schedule.instalments) <= terms.instalments
    assert sum(row.prepayment_minor for row in schedule.instalments) <= sum(
        prepayment.amount_minor for prepayment in terms.prepayments
    )


@given(loans(), st.data())
@settings(deadline=None, max_examples=200)
def test_the_rest_of_an_untouched_loan_is_what_it_was(terms: Terms, data: st.DataObject) -> None:
    """Whatever was deferred so far: a prepayment of next to nothing loses none of it."""
    assume(terms.method is not Method.FLAT)  # its interest is on what a course begins with
    whole = generate(terms)
    after = data.draw(st.integers(0, len(whole.instalments) - 1))
    paid, left = whole.instalments[:after], whole.instalments[after:]
    assume(left[0].opening_balance_minor > 0)
    rest = reschedule(
        terms,
        left[0].opening_balance_minor,
        after=after,
        mode=PrepaymentMode.REDUCE_TENURE,
        part_minor=whole.part_minor,
        unpaid_interest_minor=sum(row.earned_minor - row.interest_minor for row in paid),
        deferred=[
            row.earned_minor
            for row in paid[: terms.interest_moratorium]
            if after <= terms.interest_moratorium
        ],
    )
    *others, last = rest.instalments
    assert tuple(others) == left[: len(others)]
    assert last.balance_minor == 0


@given(loans(), st.sampled_from([Method.REDUCING, Method.FLAT, Method.EQUAL_PRINCIPAL]))
@settings(deadline=None, max_examples=150)
def test_a_loan_large_enough_asks_for_principal_in_every_instalment(
    terms: Terms, method: Method
) -> None:
    large = replace(
        terms,
        principal_minor=terms.principal_minor + 10_000_000,
        annual_rate=terms.annual_rate / 2,
        method=method,
        first_due_date=None,
        interest_moratorium=0,
    )
    rows = generate(large).instalments[large.moratorium :]
    assert all(row.principal_minor > 0 for row in rows)


@given(loans(paused=True))
@settings(deadline=None, max_examples=100)
def test_without_interest_nothing_but_the_loan_is_paid(terms: Terms) -> None:
    free = replace(terms, annual_rate=Decimal(0))
    assert generate(free).total_payable_minor == terms.principal_minor


@given(loans(), st.fractions(0, 1))
@settings(deadline=None, max_examples=100)
def test_a_quote_has_an_apr_for_any_terms(terms: Terms, withheld: Fraction) -> None:
    fee_minor = int(withheld * (terms.principal_minor - 1))
    quoted = quote(replace(terms, fee_minor=fee_minor))
    for rate in (quoted.apr, quoted.ear):
        assert rate is None or 0 <= rate <= HIGHEST_PERCENT


@given(
    st.integers(1, 10**12),
    st.lists(st.fractions(0, Fraction(1, 5), max_denominator=36_600), min_size=1, max_size=40),
)
@settings(deadline=None)
def test_the_level_instalment_repays_exactly(principal: int, rates: list[Fraction]) -> None:
    instalment = level_instalment(principal, rates)
    balance = Fraction(principal)
    for rate in rates:
        balance = balance * (1 + rate) - instalment
    assert balance == 0
