"""Which instalments are overdue on a day between two day ends, in SQL."""

from typing import Final

# What a day's end found past due, and what is unpaid of the days before the day $1. Nobody is late
# before the day of collection, which a holiday moves: the attempt's day tells it. Of an instalment
# ``i`` that is unpaid, and its loan ``l``.
IS_OVERDUE: Final = """
(CASE WHEN l.dpd > 0 THEN i.due_date < $1 OR i.due_date <= l.assessed_on
      ELSE i.due_date < $1
           AND coalesce(i.first_attempt_on, i.next_attempt_on, i.due_date) < $1 END)
"""
