"""A transaction's life: intake, claim, decide, book.

``intake`` accepts it durably, ``claim`` takes what may be settled now in the order of acceptance,
``decide`` says what becomes of it (purely), ``book`` writes that into the ledger in one unit of
work. ``settlement`` runs the three for a worker; ``waiting`` tells those who wait for the end.
"""
