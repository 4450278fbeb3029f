"""A transaction's life: order, intake, claim, decide, book.

``orders`` says what is asked, in one constructor for each kind. ``intake`` accepts it durably,
``claim`` takes what may be settled now in the order of acceptance, ``decide`` says what becomes of
it (purely), ``book`` writes that into the ledger in one unit of work. ``settle`` runs the three for
a worker; ``waiting`` tells those who wait for the end.
"""
