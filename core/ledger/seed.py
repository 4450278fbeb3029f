"""What the ledger begins with: the chart of accounts and the currencies, for the migration."""

from core.ledger.chart import LedgerCode, LedgerType

_CHART = (
    (LedgerCode.CASH, "Cash", LedgerType.ASSET),
    (LedgerCode.LOANS_RECEIVABLE, "Loans receivable", LedgerType.ASSET),
    (LedgerCode.INTEREST_RECEIVABLE, "Interest receivable", LedgerType.ASSET),
    (LedgerCode.PENALTY_RECEIVABLE, "Penalty receivable", LedgerType.ASSET),
    (LedgerCode.FEE_RECEIVABLE, "Fee receivable", LedgerType.ASSET),
    # The control account: the sum of all customers' accounts. Nothing is posted to it directly.
    (LedgerCode.CUSTOMER_DEPOSITS, "Customer deposits", LedgerType.LIABILITY),
    (LedgerCode.CLEARING, "Payments in clearing", LedgerType.LIABILITY),
    (LedgerCode.LOAN_OVERPAYMENTS, "Loan overpayments", LedgerType.LIABILITY),
    # Income of non-performing loans that is owed and not received: it stands against receivables.
    (LedgerCode.INTEREST_IN_SUSPENSE, "Interest in suspense", LedgerType.LIABILITY),
    (LedgerCode.PENALTIES_IN_SUSPENSE, "Penalties in suspense", LedgerType.LIABILITY),
    (LedgerCode.TAX_PAYABLE, "Tax payable", LedgerType.LIABILITY),
    (LedgerCode.SUSPENSE, "Suspense (manual credits and debits)", LedgerType.LIABILITY),
    (LedgerCode.EQUITY, "Equity", LedgerType.EQUITY),
    (LedgerCode.INTEREST_INCOME, "Interest income", LedgerType.INCOME),
    (LedgerCode.FEE_INCOME, "Fee income", LedgerType.INCOME),
    (LedgerCode.PENALTY_INCOME, "Penalty income", LedgerType.INCOME),
    (LedgerCode.RECOVERY_INCOME, "Recovery income", LedgerType.INCOME),
    (LedgerCode.CASHBACK_EXPENSE, "Cashback expense", LedgerType.EXPENSE),
    (LedgerCode.LOSSES_WRITTEN_OFF, "Losses written off", LedgerType.EXPENSE),
    (LedgerCode.WAIVED, "Interest and charges waived", LedgerType.EXPENSE),
)
CHART_OF_ACCOUNTS = [
    {"code": code.value, "name": name, "type": ledger_type.value}
    for code, name, ledger_type in _CHART
]

_CURRENCIES = {
    "AED": "UAE dirham", "AUD": "Australian dollar", "BHD": "Bahraini dinar",
    "BRL": "Brazilian real", "CAD": "Canadian dollar", "CHF": "Swiss franc",
    "CNY": "Chinese yuan", "CZK": "Czech koruna", "DKK": "Danish krone", "EUR": "Euro",
    "GBP": "Pound sterling", "HKD": "Hong Kong dollar", "HUF": "Hungarian forint",
    "IDR": "Indonesian rupiah", "ILS": "Israeli new shekel", "INR": "Indian rupee",
    "JOD": "Jordanian dinar", "JPY": "Japanese yen", "KES": "Kenyan shilling",
    "KRW": "South Korean won", "KWD": "Kuwaiti dinar", "MXN": "Mexican peso",
    "MYR": "Malaysian ringgit", "NGN": "Nigerian naira", "NOK": "Norwegian krone",
    "NZD": "New Zealand dollar", "OMR": "Omani rial", "PHP": "Philippine peso",
    "PLN": "Polish zloty", "RON": "Romanian leu", "SAR": "Saudi riyal",
    "SEK": "Swedish krona", "SGD": "Singapore dollar", "THB": "Thai baht",
    "TND": "Tunisian dinar", "TRY": "Turkish lira", "USD": "US dollar",
    "VND": "Vietnamese dong", "ZAR": "South African rand",
}  # fmt: skip
CURRENCIES = [{"code": code, "name": name, "enabled": True} for code, name in _CURRENCIES.items()]
