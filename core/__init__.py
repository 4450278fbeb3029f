"""The bank itself: identity, ledger, transactions, lending. Knows neither HTTP nor the workers."""

__version__ = "0.1.0"
