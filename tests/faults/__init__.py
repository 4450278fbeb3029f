"""A fault harness: a real stack, a random workload, a nemesis, a reader, and a checker at the end.

`make faults` runs it; ``campaign`` says how, ``checker`` what must hold.
"""
