"""Transactions by which a loan's past is put right, and what was paid too much goes back."""
