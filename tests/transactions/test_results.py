"""What other features are told of transactions."""

from datetime import timedelta

from core.foundation import clock
from core.transactions.results import bounced_debits, income_minor
from tests.quiet import Quiet


async def test_income_is_what_others_paid_and_a_bounced_debit_what_was_not_there(
    quiet: Quiet,
) -> None:
    # Given a customer's two accounts, and an employer who pays 30.00
    current, savings = await quiet.account(10_000), await quiet.account()
    employer = await quiet.account(50_000)
    await quiet.transfer(employer, current, "30")
    # When some of it is saved, and what is left is spent twice
    await quiet.transfer(current, savings, "20")
    await quiet.settler().drain()
    spent = [await quiet.transfer(current, employer, "110") for _ in range(2)]
    await quiet.settler().drain()
    states = await quiet.states([each.transaction_id for each in spent])
    assert states == [("success", None), ("failed", "insufficient_funds")]
    # Then cash and own money are no income, and one debit bounced
    own, hour = [current, savings], timedelta(hours=1)
    async with quiet.database.read() as reader:
        assert await income_minor(reader, own, clock.now() - hour) == 3_000
        assert await income_minor(reader, own, clock.now() + hour) == 0
        assert await income_minor(reader, [savings], clock.now() - hour) == 2_000
        assert await bounced_debits(reader, own, days=1) == 1
        assert await bounced_debits(reader, [employer], days=1) == 0
