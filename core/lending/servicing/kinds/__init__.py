"""Transactions that settle on a loan in service: its payout, and the customer's payments."""
