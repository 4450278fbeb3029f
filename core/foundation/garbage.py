"""Python's cyclic garbage collector, told how these processes behave."""

import gc
from typing import Final

THRESHOLDS: Final = (100_000, 50, 100)


def calm_garbage_collection() -> None:
    """Keep the cyclic collector from walking the whole process again and again. Call once started.

    A batch of transactions makes tens of thousands of short-lived tuples and no cycles; with the
    default thresholds the collector took half of settlement's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
