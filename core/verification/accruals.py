"""Promise 7, of interest: what the books carry is what the loans have earned, together and each."""

from typing import Final

from core.lending.servicing.accrual import EARNED_AT, SUSPENDED_WITH
from core.verification.checks import Check

# What the days' accruals have booked for each loan beyond what its row counts.
_LOANS: Final = f"""
SELECT id, status, classification, currency, suspended_percent, interest_paid_minor AS paid,
       penalty_suspended_minor AS penalty_suspended, interest_accrued_minor + booked AS accrued,
       {SUSPENDED_WITH.format(amount="booked")} AS suspended
FROM loans l CROSS JOIN LATERAL (
  SELECT CASE WHEN l.status IN ('active', 'restructured') AND l.period_end IS NOT NULL
              THEN {EARNED_AT.format(day="accrued_through")} - period_accrued_minor
              ELSE 0 END AS booked
  FROM lending_day
) AS day
"""  # noqa: S608 - the rule of another file
# The windows in which the loans were when the last day was booked.
_LAST_DAY: Final = f"""
WITH replaced AS (
  SELECT DISTINCT ON (loan_id) * FROM loan_accruals
  WHERE accrued_through = (SELECT accrued_through FROM lending_day) ORDER BY loan_id, id
), windows AS (
  SELECT l.currency, l.by_year,
         CASE WHEN r.id IS NULL THEN l.period_start ELSE r.period_start END AS period_start,
         CASE WHEN r.id IS NULL THEN l.period_end ELSE r.period_end END AS period_end,
         CASE WHEN r.id IS NULL THEN l.period_interest_minor ELSE r.period_interest_minor END
           AS period_interest_minor,
         CASE WHEN r.id IS NULL THEN l.period_accrued_minor ELSE r.period_accrued_minor END
           AS period_accrued_minor
  FROM loans l LEFT JOIN replaced r ON r.loan_id = l.id
  WHERE r.id IS NOT NULL OR l.status IN ('active', 'restructured')
), of_loans AS (
  SELECT a.business_date, a.currency, a.earned_minor,
         {EARNED_AT.format(day="a.since")} - period_accrued_minor AS before,
         {EARNED_AT.format(day="a.business_date")} - period_accrued_minor AS after
  FROM lending_accruals a JOIN windows w ON w.currency = a.currency AND w.period_end IS NOT NULL
  WHERE a.business_date = (SELECT accrued_through FROM lending_day)
)
SELECT format('on %s %s %s was booked as earned, the loans earned %s', business_date, earned_minor,
              currency, sum(after - before)) AS what
FROM of_loans GROUP BY business_date, currency, earned_minor
HAVING earned_minor <> sum(after - before)
"""  # noqa: S608 - the rule of another file

CHECKS: Final = (
    Check(
        7,
        "interest receivable equals what all loans have earned and not been paid",
        "SELECT count(*) FROM loans WHERE disbursed_at IS NOT NULL",
        f"""
        SELECT format('interest receivable is %s %s, loans say %s', coalesce(p.amount, 0),
                      coalesce(p.currency, o.currency), coalesce(o.amount, 0)) AS what
        FROM (
          SELECT currency, -sum(amount_minor) AS amount FROM postings WHERE ledger_code = '1200'
          GROUP BY currency
        ) p FULL JOIN (
          SELECT currency, sum(accrued - paid) AS amount FROM ({_LOANS}) AS of_loans
          GROUP BY currency
        ) o USING (currency)
        WHERE coalesce(p.amount, 0) <> coalesce(o.amount, 0)
        """,  # noqa: S608 - all of it is written above
    ),
    Check(
        7,
        "what the last day booked as earned is what each loan earned on it",
        "SELECT count(*) FROM lending_accruals",
        _LAST_DAY,
    ),
    Check(
        7,
        "what stands in suspense is what the loans say, and no more than they owe",
        "SELECT count(*) FROM loans WHERE suspended_percent > 0",
        f"""
        SELECT format('%s in suspense is %s %s, loans say %s', coalesce(p.what, o.what),
                      coalesce(p.amount, 0), coalesce(p.currency, o.currency),
                      coalesce(o.amount, 0)) AS what
        FROM (
          SELECT currency, CASE ledger_code WHEN '2300' THEN 'interest' ELSE 'penalty' END AS what,
                 sum(amount_minor) AS amount
          FROM postings WHERE ledger_code IN ('2300', '2310') GROUP BY currency, ledger_code
        ) p FULL JOIN (
          SELECT currency, 'interest' AS what, sum(suspended) AS amount FROM ({_LOANS}) AS of_loans
          GROUP BY currency
          UNION ALL
          SELECT currency, 'penalty', sum(penalty_suspended_minor) FROM loans GROUP BY currency
        ) o USING (currency, what)
        WHERE coalesce(p.amount, 0) <> coalesce(o.amount, 0)
        UNION ALL
        SELECT format('loan %s is %s and %s, with %s and %s in suspense', id, status,
                      classification, suspended, penalty_suspended)
        FROM ({_LOANS}) AS of_loans
        WHERE suspended > greatest(0, accrued - paid)
           OR (suspended + penalty_suspended > 0
               AND (classification <> 'npa' OR status NOT IN ('active', 'restructured')))
        """,  # noqa: S608 - all of it is written above
    ),
)
