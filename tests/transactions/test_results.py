"""What other features are told of transactions."""

from core.transactions.results import bounced_debits
from tests.quiet import Quiet


async def test_a_bounced_debit_is_one_that_the_money_was_not_there_for(quiet: Quiet) -> None:
    # Given two accounts
    current, other = await quiet.account(10_000), await quiet.account(50_000)
    # When what is on one of them is spent twice
    spent = [await quiet.transfer(current, other, "90") for _ in range(2)]
    await quiet.settler().drain()
    states = await quiet.states([each.transaction_id for each in spent])
    assert states == [("success", None), ("failed", "insufficient_funds")]
    # Then one debit bounced, and none of who was to receive it
    async with quiet.database.read() as reader:
        assert await bounced_debits(reader, [current], days=1) == 1
        assert await bounced_debits(reader, [other], days=1) == 0
