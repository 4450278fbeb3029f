"""What a business day costs doesn't grow with the bank: what its indexes may and may not hold."""

import pytest

from core.lending.tables import loan_instalments, loans


@pytest.mark.parametrize(
    "column",
    ["oldest_unpaid_on", "period_start", "period_end", "principal_outstanding_minor"],
)
def test_no_index_of_a_loan_holds_what_every_instalment_changes(column):
    for index in loans.indexes:
        condition = str(index.dialect_options["postgresql"]["where"])
        assert column not in index.columns
        assert column not in condition


def test_instalments_are_found_by_their_loan_alone():
    # A share that asked for all that is due in the bank would make the day quadratic.
    assert {next(iter(index.columns)).name for index in loan_instalments.indexes} == {"loan_id"}
