"""The chart of accounts: the bank's own ledger accounts by code."""

from enum import StrEnum


class LedgerCode(StrEnum):
    """The codes of the ledger accounts, as they stand in ``ledger_accounts``."""

    CASH = "1000"
    LOANS_RECEIVABLE = "1100"
    INTEREST_RECEIVABLE = "1200"
    PENALTY_RECEIVABLE = "1210"
    FEE_RECEIVABLE = "1220"
    CUSTOMER_DEPOSITS = "2000"
    CLEARING = "2100"
    LOAN_OVERPAYMENTS = "2200"
    INTEREST_IN_SUSPENSE = "2300"
    PENALTIES_IN_SUSPENSE = "2310"
    TAX_PAYABLE = "2400"
    SUSPENSE = "2900"
    EQUITY = "3000"
    INTEREST_INCOME = "4000"
    FEE_INCOME = "4100"
    PENALTY_INCOME = "4200"
    RECOVERY_INCOME = "4300"
    CASHBACK_EXPENSE = "5000"
    LOSSES_WRITTEN_OFF = "5100"
    WAIVED = "5200"


class LedgerType(StrEnum):
    """What a ledger account is in the balance sheet or the profit and loss statement."""

    ASSET = "asset"
    LIABILITY = "liability"
    INCOME = "income"
    EXPENSE = "expense"
    EQUITY = "equity"
