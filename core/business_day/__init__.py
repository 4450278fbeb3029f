"""The business day: what the bank does with its loans when a date is closed.

    dates       which business date it is
    runs        a job for a date, its progress; at most one of a kind is under way
    chunks      a run's shares of the borrowers, held by leases in the database
    accrue      1. interest earned through the date
    collect     2. one transaction for each instalment to collect
    charge      3. late fees and penal charges
    classify    4. days past due, asset classes, default
    recover     5. cases, set-off
    close       the driver: ``close_through`` for the scheduler and the command line, ``drive`` for
                the workers

A chunk goes through its phases, collect, assess and recover, each in one unit of work that also
moves the chunk on. Whatever dies, a phase has happened or it has not; the lease runs out and
somebody else goes on. The settlement engine moves the customers' money between the phases.
"""
