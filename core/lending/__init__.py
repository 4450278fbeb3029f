"""Loans, from the application to the last recovery, on the settlement path of transactions.

``origination`` decides, ``servicing`` runs what was paid out, ``collections`` takes what is due and
goes after what is late; each knows those before it and none after it. ``kinds`` says how lending's
transactions settle, ``steps`` what a business day does, and both put the rooms together.

What touches a customer's account is a transaction whose kind brings its own decision and effect;
what concerns the bank's own books alone is posted in the business day's unit of work.
"""
