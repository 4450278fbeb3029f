"""Promises 1 to 5: conservation, balances, limits, final states, keys; 8: periods stay locked."""

from typing import Final

from core.verification.checks import Check

MONEY_IS_CONSERVED: Final = (
    Check(
        1,
        "every transaction's postings sum to zero per currency",
        "SELECT count(DISTINCT transaction_id) FROM postings",
        """
        SELECT format('transaction %s is off by %s %s', transaction_id, sum(amount_minor), currency)
               AS what
        FROM postings GROUP BY transaction_id, currency HAVING sum(amount_minor) <> 0
        """,
    ),
    Check(
        1,
        "the whole ledger sums to zero per currency",
        "SELECT count(*) FROM postings",
        """
        SELECT format('the ledger is off by %s %s', sum(amount_minor), currency) AS what
        FROM postings GROUP BY currency HAVING sum(amount_minor) <> 0
        """,
    ),
    Check(
        1,
        "customer balances and ledger accounts together sum to zero",
        "SELECT count(*) FROM accounts",
        """
        SELECT format('balances and ledger accounts are off by %s %s', sum(amount), currency)
               AS what
        FROM (
          SELECT currency, sum(balance_minor) AS amount FROM accounts GROUP BY currency
          UNION ALL
          SELECT currency, sum(amount_minor) FROM postings WHERE ledger_code IS NOT NULL
          GROUP BY currency
        ) AS sides GROUP BY currency HAVING sum(amount) <> 0
        """,
    ),
    Check(
        1,
        "snapshots of ledger accounts equal the sums of their postings",
        "SELECT count(*) FROM ledger_balance_snapshots",
        """
        SELECT format('snapshot of %s through entry %s says %s %s, postings %s', s.ledger_code,
                      s.through_entry_no, s.balance_minor, s.currency,
                      coalesce(p.amount, 0)) AS what
        FROM ledger_balance_snapshots s
        CROSS JOIN LATERAL (
          SELECT sum(amount_minor) AS amount FROM postings
          WHERE ledger_code = s.ledger_code AND currency = s.currency
            AND entry_no <= s.through_entry_no
        ) AS p
        WHERE s.through_entry_no = (SELECT max(through_entry_no) FROM ledger_balance_snapshots)
          AND s.balance_minor <> coalesce(p.amount, 0)
        """,
    ),
)

BALANCES_ARE_THEIR_POSTINGS: Final = (
    Check(
        2,
        "every customer balance equals the sum of its postings",
        "SELECT count(*) FROM accounts",
        """
        SELECT format('account %s has %s, its postings sum to %s', a.account_number,
                      a.balance_minor, coalesce(p.amount, 0)) AS what
        FROM accounts a
        LEFT JOIN (
          SELECT account_id, sum(amount_minor) AS amount FROM postings
          WHERE account_id IS NOT NULL GROUP BY account_id
        ) AS p ON p.account_id = a.id
        WHERE a.balance_minor <> coalesce(p.amount, 0)
        """,
    ),
    Check(
        2,
        "every balance_after is the one before it plus the posting's amount",
        "SELECT count(*) FROM postings WHERE account_id IS NOT NULL",
        """
        SELECT format('entry %s of account %s: balance_after %s, expected %s', entry_no, account_id,
                      balance_after_minor, expected) AS what
        FROM (
          SELECT entry_no, account_id, balance_after_minor, sum(amount_minor) OVER (
            PARTITION BY account_id ORDER BY entry_no
          ) AS expected FROM postings WHERE account_id IS NOT NULL
        ) AS chain WHERE balance_after_minor <> expected
        """,
    ),
    Check(
        2,
        "no entry is booked before the one before it, nor after its account's last",
        "SELECT count(*) FROM postings WHERE account_id IS NOT NULL",
        """
        SELECT format('entry %s of account %s is booked at %s, out of order', entry_no, account_id,
                      booked_at) AS what
        FROM (
          SELECT entry_no, account_id, booked_at, lag(booked_at) OVER (
            PARTITION BY account_id ORDER BY entry_no
          ) AS before FROM postings WHERE account_id IS NOT NULL
        ) AS chain JOIN accounts a ON a.id = account_id
        WHERE booked_at < before OR booked_at > a.last_booked_at
        """,
    ),
)

NO_BALANCE_BELOW_ITS_LIMIT: Final = (
    Check(
        3,
        "no balance is below minus its overdraft limit",
        "SELECT count(*) FROM accounts",
        """
        SELECT format('account %s has %s with a limit of %s', account_number, balance_minor,
                      overdraft_limit_minor) AS what
        FROM accounts WHERE balance_minor < -overdraft_limit_minor
        """,
    ),
)

EVERY_TRANSACTION_ENDS_ONCE: Final = (
    Check(
        4,
        "a settled transaction has postings, no other has any",
        "SELECT count(*) FROM transactions",
        """
        SELECT format('transaction %s is %s and has %s postings', coalesce(t.id, p.transaction_id),
                      coalesce(t.status, 'unknown'), coalesce(p.count, 0)) AS what
        FROM transactions t
        FULL JOIN (
          SELECT transaction_id, count(*) AS count FROM postings GROUP BY transaction_id
        ) AS p ON p.transaction_id = t.id
        WHERE (t.status = 'success') IS DISTINCT FROM (p.count IS NOT NULL)
        """,
    ),
    Check(
        4,
        "a settled transaction moved its amount on the accounts it names",
        "SELECT count(*) FROM transactions WHERE status = 'success'",
        """
        SELECT format('transaction %s debits %s and credits %s of %s %s', t.id, p.debit, p.credit,
                      t.amount_minor, t.currency) AS what
        FROM transactions t
        JOIN (
          SELECT p.transaction_id,
                 min(p.amount_minor) FILTER (WHERE p.account_id = t.debit_account_id) AS debit,
                 max(p.amount_minor) FILTER (WHERE p.account_id = t.credit_account_id) AS credit,
                 count(*) FILTER (
                   WHERE p.account_id IS NOT NULL
                     AND p.account_id IS DISTINCT FROM t.debit_account_id
                     AND p.account_id IS DISTINCT FROM t.credit_account_id
                 ) AS strangers
          FROM postings p JOIN transactions t ON t.id = p.transaction_id
          GROUP BY p.transaction_id
        ) AS p ON p.transaction_id = t.id
        WHERE t.status = 'success' AND (
          p.strangers > 0
          OR (t.debit_account_id IS NOT NULL AND p.debit IS DISTINCT FROM -t.amount_minor)
          OR (t.credit_account_id IS NOT NULL AND coalesce(p.credit, 0) <= 0)
          OR (t.credit_account_id IS NOT NULL AND t.contra_code IS NULL
              AND p.credit IS DISTINCT FROM t.amount_minor)
        )
        """,
    ),
    Check(
        4,
        "a transaction settled when its postings were booked",
        "SELECT count(*) FROM postings",
        """
        SELECT format('transaction %s settled at %s, its leg %s was booked at %s', t.id,
                      coalesce(t.settled_at::text, 'no time'), p.leg, p.booked_at) AS what
        FROM postings p JOIN transactions t ON t.id = p.transaction_id
        WHERE t.settled_at IS DISTINCT FROM p.booked_at
        """,
    ),
)

ONE_KEY_ONE_TRANSACTION: Final = (
    Check(
        5,
        "every idempotency key stands for one thing that it has made",
        "SELECT count(*) FROM idempotency_keys",
        """
        SELECT format('key of user %s stands for %s, which does not exist', owner_id, resource_id)
               AS what
        FROM idempotency_keys k
        WHERE NOT EXISTS (SELECT FROM transactions WHERE id = k.resource_id)
          AND NOT EXISTS (SELECT FROM transaction_batches WHERE id = k.resource_id)
          AND NOT EXISTS (SELECT FROM accounts WHERE id = k.resource_id)
          AND NOT EXISTS (SELECT FROM loans WHERE id = k.resource_id)
          AND NOT EXISTS (SELECT FROM loan_events WHERE id = k.resource_id)
          AND NOT EXISTS (SELECT FROM users WHERE id = k.resource_id)
          AND NOT EXISTS (SELECT FROM approvals WHERE k.resource_id IN (id, decision_id))
        UNION ALL
        SELECT format('%s stands behind %s keys', resource_id, count(*)) FROM idempotency_keys
        GROUP BY resource_id HAVING count(*) > 1
        """,
    ),
    Check(
        5,
        "no transaction was reversed twice",
        "SELECT count(*) FROM transactions WHERE reverses IS NOT NULL",
        """
        SELECT format('transaction %s was reversed %s times', reverses, count(*)) AS what
        FROM transactions WHERE reverses IS NOT NULL AND status = 'success'
        GROUP BY reverses HAVING count(*) > 1
        """,
    ),
    Check(
        5,
        "no payment that was taken back keeps its cashback",
        "SELECT count(*) FROM cashbacks",
        """
        SELECT format('payment %s was taken back by %s, its cashback %s was not', c.payment_id,
                      r.id, c.transaction_id) AS what
        FROM cashbacks c
        JOIN transactions r ON r.reverses = c.payment_id AND r.status = 'success'
        LEFT JOIN transactions t ON t.id = c.transaction_id
        WHERE c.taken_back_by IS DISTINCT FROM r.id AND t.status = 'success'
        """,
    ),
)

LOCKED_PERIODS_STAY: Final = (
    Check(
        8,
        "nothing was booked into an accounting period after it was locked",
        "SELECT count(*) FROM accounting_periods",
        """
        SELECT format('entry %s is of %s, which was locked after entry %s', last.entry_no,
                      last.accounting_date, lock.through_entry_no) AS what
        FROM (
          SELECT accounting_date, max(entry_no) AS entry_no FROM postings GROUP BY accounting_date
        ) AS last CROSS JOIN LATERAL (
          SELECT min(through_entry_no) AS through_entry_no FROM accounting_periods
          WHERE locked_through >= last.accounting_date
        ) AS lock
        WHERE last.entry_no > lock.through_entry_no
        """,
    ),
    Check(
        8,
        "a transaction's postings have one accounting date",
        "SELECT count(DISTINCT transaction_id) FROM postings",
        """
        SELECT format('transaction %s is booked on %s and on %s', transaction_id,
                      min(accounting_date), max(accounting_date)) AS what
        FROM postings GROUP BY transaction_id HAVING min(accounting_date) <> max(accounting_date)
        """,
    ),
)

CHECKS: Final = (
    *MONEY_IS_CONSERVED,
    *BALANCES_ARE_THEIR_POSTINGS,
    *NO_BALANCE_BELOW_ITS_LIMIT,
    *EVERY_TRANSACTION_ENDS_ONCE,
    *ONE_KEY_ONE_TRANSACTION,
    *LOCKED_PERIODS_STAY,
)
