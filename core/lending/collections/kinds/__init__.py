"""Transactions by which the bank takes what it is owed: instalments, set-offs, settlements."""
