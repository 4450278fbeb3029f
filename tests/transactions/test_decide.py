"""What ``decide`` promises, for any movements on any accounts: it is pure, so try it a lot."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.foundation.errors import (
    AccountClosed,
    AccountFrozen,
    BalanceLimitExceeded,
    CurrencyMismatch,
    InsufficientFunds,
)
from core.ledger.balances import MAX_BALANCE_MINOR, AccountState, IllegalLegs, Leg
from core.transactions.decide import Movement, Outcome, decide, move_amount

CASH = "1000"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RULES = {"transfer": move_amount}


def account(number: int, balance: int = 0, *, overdraft: int = 0, **fields: str) -> AccountState:
    states = {"currency": "EUR", "status": "active"} | fields
    return AccountState(
        UUID(int=number),
        balance_minor=balance,
        overdraft_limit_minor=overdraft,
        **states,
    )


def book_of(*accounts: AccountState) -> dict[UUID, AccountState]:
    return {one.id: one for one in accounts}


def movement(
    seq: int, debit: int | None, credit: int | None, amount: int, **fields: str
) -> Movement:
    shape = {"type": "transfer", "currency": "EUR"} | fields
    return Movement(
        id=UUID(int=1_000 + seq),
        seq=seq,
        amount_minor=amount,
        debit_account_id=UUID(int=debit) if debit else None,
        credit_account_id=UUID(int=credit) if credit else None,
        contra_code=CASH if debit is None or credit is None else None,
        details=None,
        created_at=NOON,
        **shape,
    )


ACCOUNTS = range(1, 6)
books = st.tuples(
    *(
        st.builds(
            account,
            st.just(number),
            st.integers(0, 300),
            overdraft=st.sampled_from([0, 0, 50]),
            status=st.sampled_from(["active", "active", "active", "frozen", "closed"]),
            currency=st.sampled_from(["EUR", "EUR", "EUR", "USD"]),
        )
        for number in ACCOUNTS
    )
).map(lambda accounts: book_of(*accounts))


@st.composite
def queues(draw: st.DrawFn) -> list[Movement]:
    """Movements between customers, and in and out over the counter."""
    sides = st.sampled_from([*ACCOUNTS, None])
    pairs = st.tuples(sides, sides).filter(lambda pair: pair[0] != pair[1])
    rows = draw(st.lists(st.tuples(pairs, st.integers(1, 200)), max_size=25))
    return [movement(seq, *pair, amount) for seq, (pair, amount) in enumerate(rows)]


def leg(number: int, amount_minor: int, currency: str = "EUR") -> Leg:
    return Leg(UUID(int=number), None, amount_minor, currency)


def copy_of(accounts: dict[UUID, AccountState]) -> dict[UUID, AccountState]:
    return {key: replace(state) for key, state in accounts.items()}


def told(outcomes: Sequence[Outcome]) -> list[tuple[int, list[Leg], type | None]]:
    """Outcomes in a form that compares: an error equals another of its class."""
    return [
        (o.movement.seq, list(o.legs), type(o.failure) if o.failure else None) for o in outcomes
    ]


@given(books, queues())
def test_money_is_neither_made_nor_lost(
    accounts: dict[UUID, AccountState], queue: list[Movement]
) -> None:
    before = copy_of(accounts)
    outcomes = decide(queue, accounts, RULES)
    assert [outcome.movement for outcome in outcomes] == queue
    assert all(sum(leg.amount_minor for leg in outcome.legs) == 0 for outcome in outcomes)
    for key, state in accounts.items():
        posted = [leg for o in outcomes for leg in o.legs if leg.account_id == key]
        assert state.balance_minor == before[key].balance_minor + sum(
            p.amount_minor for p in posted
        )


@given(books, queues())
def test_no_balance_ever_passes_its_overdraft_limit(
    accounts: dict[UUID, AccountState], queue: list[Movement]
) -> None:
    for outcome in decide(queue, accounts, RULES):
        for leg in outcome.legs:
            if leg.account_id is not None:
                assert leg.balance_after_minor is not None
                assert leg.balance_after_minor >= -accounts[leg.account_id].overdraft_limit_minor


@given(books, queues())
def test_only_active_accounts_of_the_currency_move(
    accounts: dict[UUID, AccountState], queue: list[Movement]
) -> None:
    for outcome in decide(queue, accounts, RULES):
        for leg in outcome.legs:
            if leg.account_id is not None:
                state = accounts[leg.account_id]
                assert (state.status, state.currency) == ("active", "EUR")


@given(books, queues())
def test_a_list_is_decided_as_one_after_another(
    accounts: dict[UUID, AccountState], queue: list[Movement]
) -> None:
    one_by_one = copy_of(accounts)
    together = decide(queue, accounts, RULES)
    alone = [outcome for one in queue for outcome in decide([one], one_by_one, RULES)]
    assert told(together) == told(alone)
    assert [s.balance_minor for s in accounts.values()] == [
        s.balance_minor for s in one_by_one.values()
    ]


@given(books, queues())
def test_what_is_refused_leaves_no_trace_on_the_others(
    accounts: dict[UUID, AccountState], queue: list[Movement]
) -> None:
    without_refused = copy_of(accounts)
    outcomes = decide(queue, accounts, RULES)
    good = [outcome for outcome in outcomes if outcome.failure is None]
    again = decide([outcome.movement for outcome in good], without_refused, RULES)
    assert told(again) == told(good)


@given(books, queues(), st.data())
@settings(max_examples=50)
def test_a_rule_that_makes_money_raises_and_changes_nothing(
    accounts: dict[UUID, AccountState], queue: list[Movement], data: st.DataObject
) -> None:
    surplus = data.draw(st.integers(-50, 50).filter(bool))

    def generous(asked: Movement, held: object) -> Sequence[Leg]:
        payer, payee = move_amount(asked, accounts)
        return (payer, payee._replace(amount_minor=payee.amount_minor + surplus))

    before = copy_of(accounts)
    for one in queue:
        try:
            (outcome,) = decide([one], accounts, {"transfer": generous})
        except IllegalLegs:
            continue
        assert outcome.failure is not None
    assert [s.balance_minor for s in accounts.values()] == [
        s.balance_minor for s in before.values()
    ]


# --- one by one, in words -------------------------------------------------------------------------


def failures(outcomes: Sequence[Outcome]) -> list[type | None]:
    return [type(outcome.failure) if outcome.failure else None for outcome in outcomes]


def test_an_overdraft_is_used_to_its_last_cent_and_no_further() -> None:
    accounts = book_of(account(1, 100, overdraft=50), account(2))
    outcomes = decide([movement(1, 1, 2, 150), movement(2, 1, 2, 1)], accounts, RULES)
    assert failures(outcomes) == [None, InsufficientFunds]
    assert accounts[UUID(int=1)].balance_minor == -50


def test_the_order_decides_who_is_paid() -> None:
    first, second = movement(1, 1, 2, 80), movement(2, 1, 3, 80)
    accounts = book_of(account(1, 100), account(2), account(3))
    assert failures(decide([first, second], accounts, RULES)) == [None, InsufficientFunds]
    accounts = book_of(account(1, 100), account(2), account(3))
    assert failures(decide([second, first], accounts, RULES)) == [None, InsufficientFunds]
    assert accounts[UUID(int=3)].balance_minor == 80


def test_money_that_arrives_may_be_spent_by_the_next() -> None:
    accounts = book_of(account(1), account(2))
    outcomes = decide([movement(1, None, 1, 70), movement(2, 1, 2, 70)], accounts, RULES)
    assert failures(outcomes) == [None, None]
    assert [leg.balance_after_minor for leg in outcomes[1].legs] == [0, 70]


@pytest.mark.parametrize(
    ("unfit", "refusal"),
    [
        ({"status": "frozen"}, AccountFrozen),
        ({"status": "closed"}, AccountClosed),
        ({"currency": "USD"}, CurrencyMismatch),
    ],
)
def test_an_unfit_party_fails_its_own_movement_alone(
    unfit: dict[str, str], refusal: type[Exception]
) -> None:
    accounts = book_of(account(1, 100), account(2, **unfit), account(3))
    queue = [
        movement(1, 1, 3, 10),
        movement(2, 1, 2, 10),
        movement(3, 2, 1, 10),
        movement(4, 1, 3, 10),
    ]
    assert failures(decide(queue, accounts, RULES)) == [None, refusal, refusal, None]
    assert [state.balance_minor for state in accounts.values()] == [80, 0, 20]


def test_no_account_holds_more_than_the_largest_balance() -> None:
    accounts = book_of(account(1, MAX_BALANCE_MINOR - 5))
    queue = [movement(1, None, 1, 6), movement(2, None, 1, 5)]
    assert failures(decide(queue, accounts, RULES)) == [BalanceLimitExceeded, None]


def test_an_account_below_a_limit_that_was_lowered_may_still_receive() -> None:
    accounts = book_of(account(1, -100, overdraft=0))
    assert failures(decide([movement(1, None, 1, 30)], accounts, RULES)) == [None]


@pytest.mark.parametrize(
    "legs",
    [
        (),
        (leg(1, -10),),
        (leg(1, -10), leg(2, 11)),
        (leg(1, -10), leg(2, 5), leg(2, 5)),
        (leg(1, -10), leg(3, 10, "USD")),
    ],
    ids=["none", "one-sided", "unequal", "two on one account", "two currencies"],
)
def test_a_rule_with_illegal_legs_is_a_defect_and_books_nothing(legs: Sequence[Leg]) -> None:
    accounts = book_of(account(1, 100), account(2), account(3, currency="USD"))
    with pytest.raises(IllegalLegs):
        decide([movement(1, 1, 2, 10)], accounts, {"transfer": lambda *_: legs})
    assert [state.balance_minor for state in accounts.values()] == [100, 0, 0]


def test_legs_of_two_currencies_pass_where_each_of_them_sums_to_zero() -> None:
    legs = (
        leg(1, -10),
        Leg(None, "2100", 10, "EUR"),
        Leg(None, "2100", -11, "USD"),
        leg(2, 11, "USD"),
    )
    accounts = book_of(account(1, 100), account(2, currency="USD"))
    (outcome,) = decide([movement(1, 1, 2, 10)], accounts, {"transfer": lambda *_: legs})
    assert [leg.balance_after_minor for leg in outcome.legs] == [90, None, None, 11]


def test_a_leg_in_another_currency_than_its_accounts_is_refused() -> None:
    accounts = book_of(account(1, 100), account(2))
    dollars = (leg(1, -10, "USD"), leg(2, 10, "USD"))
    outcomes = decide([movement(1, 1, 2, 10)], accounts, {"transfer": lambda *_: dollars})
    assert failures(outcomes) == [CurrencyMismatch]


def test_a_rule_may_move_less_and_the_outcome_says_how_much() -> None:
    def half(asked: Movement, held: object) -> Sequence[Leg]:
        return move_amount(asked._replace(amount_minor=asked.amount_minor // 2), {})

    accounts = book_of(account(1, 100), account(2))
    (outcome,) = decide([movement(1, 1, 2, 90)], accounts, {"transfer": half})
    assert outcome.amount_minor == 45
    assert accounts[UUID(int=2)].balance_minor == 45


def test_a_type_that_nobody_knows_is_a_defect_not_a_refusal() -> None:
    with pytest.raises(KeyError):
        decide([movement(1, 1, 2, 10, type="tulip")], book_of(account(1, 100), account(2)), RULES)
