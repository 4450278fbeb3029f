"""The bank itself: identity, ledger, transactions, lending. Knows neither HTTP nor the workers."""
