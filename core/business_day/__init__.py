"""The business day: what the bank does when a date is closed, whichever feature's work it is.

    dates       which business date it is
    steps       the table of steps: what features register for each job
    runs        a job for a date, its progress; at most one of a kind is under way
    chunks      a run's shares, held by leases in the database
    drive       works on a run, chunk by chunk, until nothing is left to do: any number of processes
    close       closes dates one after the other: for the scheduler and ``giro close-day`` alike
    desk        what all of that works with, in one process
    settling    settlement in that process while it waits

A job is done in parts, one after the other; a part's shares go through its phases, each in one unit
of work that also moves the chunk on. Whatever dies, a phase has happened or it has not; the lease
runs out and somebody else goes on. The settlement engine moves the customers' money between the
phases.
"""
