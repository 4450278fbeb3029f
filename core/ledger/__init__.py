"""Accounts, postings and the bank's own books.

A posting's sign is the bank's: plus is a credit, minus is a debit. A customer's account is a
liability of the bank, so its balance is the sum of its postings. A ledger account of the asset or
expense type stands on the debit side when its sum is negative.

Money moves through one door: ``balances`` decides in memory what may be posted, ``posting`` locks
the accounts and writes it.
"""
