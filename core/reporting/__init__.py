"""Figures about the bank, read from what the features record."""
