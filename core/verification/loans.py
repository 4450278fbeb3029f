"""Promises 6 and 7, checked on a live database: collected once, charged once, principal adds up."""

from typing import Final

from core.verification.checks import Check

_COLLECTED_ONCE: Final = (
    Check(
        6,
        "no attempt of an instalment is collected twice",
        "SELECT count(*) FROM transactions WHERE type = 'emi'",
        """
        SELECT format('loan %s, instalment %s.%s, attempt %s was collected %s times',
                      details->>'loan_id', details->>'version', details->>'instalment',
                      details->>'attempt', count(*)) AS what
        FROM transactions WHERE type = 'emi' AND status = 'success'
        GROUP BY details->>'loan_id', details->>'version', details->>'instalment',
                 details->>'attempt'
        HAVING count(*) > 1
        """,
    ),
    Check(
        6,
        "every collection is the transaction of an attempt, and every attempt has its own",
        "SELECT count(*) FROM transactions WHERE type = 'emi'",
        """
        SELECT format('transaction %s collects for loan %s, instalment %s.%s, attempt %s: %s', t.id,
                      t.details->>'loan_id', t.details->>'version', t.details->>'instalment',
                      t.details->>'attempt',
                      CASE WHEN c.transaction_id IS NULL THEN 'no such attempt is on record'
                           ELSE 'on record it is another attempt''s' END) AS what
        FROM transactions t LEFT JOIN loan_collections c ON c.transaction_id = t.id
        WHERE t.type = 'emi' AND (
          t.details->>'loan_id', t.details->>'version', t.details->>'instalment',
          t.details->>'attempt'
        ) IS DISTINCT FROM (
          c.loan_id::text, c.version::text, c.number::text, c.attempt::text
        )
        UNION ALL
        SELECT format('attempt %s of loan %s, instalment %s.%s names %s, which collects nothing',
                      c.attempt, c.loan_id, c.version, c.number, c.transaction_id)
        FROM loan_collections c
        WHERE NOT EXISTS (SELECT FROM transactions t
                          WHERE t.id = c.transaction_id AND t.type = 'emi')
        """,
    ),
    Check(
        6,
        "every attempt says what its transaction moved",
        "SELECT count(*) FROM loan_collections",
        """
        SELECT format('attempt %s of loan %s is %s with %s, its transaction %s with %s', c.attempt,
                      c.loan_id, c.status, c.collected_minor, coalesce(t.status, 'lost'),
                      t.amount_minor) AS what
        FROM loan_collections c LEFT JOIN transactions t ON t.id = c.transaction_id
        WHERE t.id IS NULL OR t.status <> 'pending' AND NOT (
          (t.status = 'success' AND c.status IN ('success', 'partial')
            AND c.collected_minor = t.amount_minor)
          OR (t.status = 'failed' AND c.status = 'failed' AND c.collected_minor = 0)
        )
        """,
    ),
    Check(
        6,
        "no instalment is charged twice for a day, or two late fees",
        "SELECT count(*) FROM loan_charges",
        """
        SELECT format('loan %s, instalment %s.%s has %s %s charges', loan_id, version, number,
                      count(*), kind) AS what
        FROM loan_charges
        GROUP BY loan_id, version, number, kind,
                 CASE WHEN kind = 'late_fee' THEN NULL ELSE business_date END
        HAVING count(*) > 1
        """,
    ),
    Check(
        6,
        "penalty receivable equals what running loans owe in penalties",
        "SELECT count(*) FROM loan_instalments WHERE penalty_minor > 0",
        """
        SELECT format('penalty receivable is %s %s, loans owe %s', coalesce(p.amount, 0),
                      coalesce(p.currency, o.currency), coalesce(o.amount, 0)) AS what
        FROM (
          SELECT currency, -sum(amount_minor) AS amount FROM postings WHERE ledger_code = '1210'
          GROUP BY currency
        ) p FULL JOIN (
          SELECT l.currency, sum(i.penalty_minor - i.penalty_paid_minor) AS amount
          FROM loan_instalments i JOIN loans l ON l.id = i.loan_id
          WHERE i.superseded_at IS NULL AND l.status IN ('active', 'restructured')
          GROUP BY l.currency
        ) o USING (currency)
        WHERE coalesce(p.amount, 0) <> coalesce(o.amount, 0)
        """,
    ),
    Check(
        6,
        "fee receivable equals what running loans were asked as fees and have not paid",
        "SELECT count(*) FROM loan_instalments WHERE fee_minor > 0",
        """
        SELECT format('fee receivable is %s %s, loans owe %s', coalesce(p.amount, 0),
                      coalesce(p.currency, o.currency), coalesce(o.amount, 0)) AS what
        FROM (
          SELECT currency, -sum(amount_minor) AS amount FROM postings WHERE ledger_code = '1220'
          GROUP BY currency
        ) p FULL JOIN (
          SELECT l.currency, sum(i.fee_minor - i.fee_paid_minor) AS amount
          FROM loan_instalments i JOIN loans l ON l.id = i.loan_id
          WHERE i.superseded_at IS NULL AND i.fee_booked_on IS NOT NULL
            AND l.status IN ('active', 'restructured')
          GROUP BY l.currency
        ) o USING (currency)
        WHERE coalesce(p.amount, 0) <> coalesce(o.amount, 0)
        """,
    ),
)

_PRINCIPAL_ADDS_UP: Final = (
    Check(
        7,
        "principal outstanding is what was paid out, less repaid, less written off",
        "SELECT count(*) FROM loans",
        """
        SELECT format('loan %s: %s outstanding of %s, %s repaid, %s written off', id,
                      principal_outstanding_minor, principal_disbursed_minor,
                      principal_repaid_minor, principal_written_off_minor) AS what
        FROM loans
        WHERE principal_outstanding_minor <> principal_disbursed_minor - principal_repaid_minor
              - principal_written_off_minor
        """,
    ),
    Check(
        7,
        "loans receivable equals the principal outstanding of all loans",
        "SELECT count(*) FROM loans WHERE principal_outstanding_minor > 0",
        """
        SELECT format('loans receivable is %s %s, loans owe %s', coalesce(p.amount, 0),
                      coalesce(p.currency, o.currency), coalesce(o.amount, 0)) AS what
        FROM (
          SELECT currency, -sum(amount_minor) AS amount FROM postings WHERE ledger_code = '1100'
          GROUP BY currency
        ) p FULL JOIN (
          SELECT currency, sum(principal_outstanding_minor) AS amount FROM loans GROUP BY currency
        ) o USING (currency)
        WHERE coalesce(p.amount, 0) <> coalesce(o.amount, 0)
        """,
    ),
    Check(
        7,
        "loan overpayments equal what borrowers paid beyond what they owed",
        "SELECT count(*) FROM loans WHERE overpaid_minor > 0",
        """
        SELECT format('loan overpayments are %s %s, loans say %s', coalesce(p.amount, 0),
                      coalesce(p.currency, o.currency), coalesce(o.amount, 0)) AS what
        FROM (
          SELECT currency, sum(amount_minor) AS amount FROM postings WHERE ledger_code = '2200'
          GROUP BY currency
        ) p FULL JOIN (
          SELECT currency, sum(overpaid_minor) AS amount FROM loans GROUP BY currency
        ) o USING (currency)
        WHERE coalesce(p.amount, 0) <> coalesce(o.amount, 0)
        UNION ALL
        SELECT format('loan %s is %s and was overpaid %s', id, status, overpaid_minor)
        FROM loans WHERE overpaid_minor > 0 AND status NOT IN ('closed', 'foreclosed')
        """,
    ),
    Check(
        7,
        "every loan knows its oldest unpaid due date",
        "SELECT count(*) FROM loans WHERE status IN ('active', 'restructured')",
        """
        SELECT format('loan %s says that %s is its oldest unpaid due date, its schedule says %s',
                      l.id, coalesce(l.oldest_unpaid_on::text, 'nothing'),
                      coalesce(s.due_date::text, 'nothing')) AS what
        FROM loans l LEFT JOIN (
          SELECT loan_id, min(due_date) AS due_date FROM loan_instalments
          WHERE superseded_at IS NULL AND paid_on IS NULL GROUP BY loan_id
        ) s ON s.loan_id = l.id
        WHERE l.status IN ('active', 'restructured')
          AND l.oldest_unpaid_on IS DISTINCT FROM s.due_date
        """,
    ),
    Check(
        7,
        "every schedule's principals sum to its loan, and what it says is paid was paid",
        "SELECT count(*) FROM loan_instalments WHERE superseded_at IS NULL",
        """
        SELECT format('loan %s over %s: its schedule has %s of principal, %s and %s paid, '
                      'the loan %s and %s', l.id, l.amount_minor, s.principal, s.principal_paid,
                      s.interest_paid, l.principal_repaid_minor, l.interest_paid_minor) AS what
        FROM loans l JOIN (
          SELECT loan_id, sum(principal_minor) AS principal,
                 sum(principal_paid_minor) AS principal_paid,
                 sum(interest_paid_minor) AS interest_paid
          FROM loan_instalments WHERE superseded_at IS NULL GROUP BY loan_id
        ) s ON s.loan_id = l.id
        WHERE s.principal <> l.amount_minor
                - CASE WHEN l.status = 'settled' THEN l.principal_written_off_minor ELSE 0 END
           OR s.principal_paid <> l.principal_repaid_minor
           OR s.interest_paid <> l.interest_paid_minor
        """,
    ),
)

CHECKS: Final = (*_COLLECTED_ONCE, *_PRINCIPAL_ADDS_UP)
