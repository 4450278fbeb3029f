"""Loans, from the application to the last recovery, on the settlement path of transactions.

Pure rules take dates and whole minor units and do no I/O: ``amortisation``, ``allocation``,
``delinquency``, ``assessment``, ``penalties``, ``retries``, ``states``, ``payoff``. What touches a
customer's account is a transaction whose kind (``kinds``) brings its own decision and effect;
what concerns the bank's own books alone is posted in the business day's unit of work.
"""
