"""A second implementation of lending's rules, kept apart from the first.

Written from the rules as docs/lending.md tells them, in the plainest way: one loan, day after day,
with fractions. It imports nothing of ``core`` and is as slow as it likes. Where it and the bank
disagree, one of them is wrong.
"""
