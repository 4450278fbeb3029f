"""A transaction's life: order, intake, claim, decide, book, finish.

``orders`` says what is asked, in one constructor for each kind. ``intake`` accepts it durably,
``claim`` takes what may be settled now in the order of acceptance, ``decide`` says what becomes of
it (purely), all of it in the one unit of work of ``book``, and ``finish`` writes how it ended: into
the ledger, and for those who wait (``waiting``). ``settle`` runs this for a worker, round after
round; ``settle_batch`` knows what to do where a batch breaks.
"""
