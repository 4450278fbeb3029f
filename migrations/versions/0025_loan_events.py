"""A loan's life is written down: what happened to it, from which its book follows.

What happened before is taken from the transactions, and from the histories of the recovery cases
where it was no transaction (their date is the calendar's in UTC, the best that was kept).
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

KINDS = (
    "'disbursement', 'payment', 'set_off', 'settlement', 'restructuring', 'charge', 'waiver', "
    "'undoing', 'refund', 'write_off', 'recovery'"
)
APPEND_ONLY = """
CREATE TRIGGER loan_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON loan_events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
# A payment after the write-off is one that came later than the entry that gave the loan up.
FROM_TRANSACTIONS = """
INSERT INTO loan_events (id, loan_id, kind, value_date, amount_minor, account_id, transaction_id,
                         after_close, particulars, actor_id, booked_at)
SELECT t.id, l.id,
       CASE WHEN t.type = 'disbursement' THEN 'disbursement'
            WHEN t.type = 'recovery' AND t.details->>'action' = 'settle' THEN 'settlement'
            WHEN t.type = 'recovery' THEN 'set_off'
            WHEN l.status = 'written_off' AND t.settled_at >= l.closed_at THEN 'recovery'
            ELSE 'payment' END,
       (t.details->>'business_date')::date, t.amount_minor,
       coalesce(t.debit_account_id, t.credit_account_id), t.id,
       t.type = 'recovery' AND NOT t.details ? 'actor',
       CASE WHEN t.type = 'loan_payment' AND NOT (l.status = 'written_off'
                                                  AND t.settled_at >= l.closed_at)
            THEN jsonb_strip_nulls(jsonb_build_object(
              'mode', nullif(t.details->>'mode', 'due'),
              'settles', nullif((t.details->>'settles')::bool, false)
            )) END,
       coalesce((t.details->>'actor')::uuid, t.initiated_by), t.settled_at
FROM transactions t JOIN loans l ON l.id = (t.details->>'loan_id')::uuid
WHERE t.type IN ('disbursement', 'loan_payment', 'recovery') AND t.status = 'success'
"""
WRITE_OFFS = """
INSERT INTO loan_events (id, loan_id, kind, value_date, amount_minor, transaction_id, actor_id,
                         reason, booked_at)
SELECT t.id, l.id, 'write_off', (t.settled_at AT TIME ZONE 'UTC')::date, t.amount_minor, t.id,
       (t.details->>'actor')::uuid, t.details->>'reason', t.settled_at
FROM transactions t JOIN loans l ON l.id = (t.details->>'loan_id')::uuid
WHERE t.type = 'write_off' AND t.status = 'success' AND t.details ? 'actor'
"""
RESTRUCTURINGS = """
INSERT INTO loan_events (id, loan_id, kind, value_date, particulars, actor_id, booked_at)
SELECT gen_random_uuid(), c.loan_id, 'restructuring', (h.at AT TIME ZONE 'UTC')::date,
       jsonb_build_object(
         'tenure_months', (regexp_match(h.detail, 'over ([0-9]+) months'))[1]::int,
         'interest_rate', (regexp_match(h.detail, 'at ([0-9.]+) percent'))[1]
       ), h.actor_id, h.at
FROM recovery_history h JOIN recovery_cases c ON c.id = h.case_id
WHERE h.action = 'restructured' AND h.detail ~ '^Restructured over [0-9]+ months at [0-9.]+ percent'
"""


def upgrade() -> None:
    op.create_table(
        "loan_events",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("loan_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("value_date", sa.Date, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("account_id", sa.Uuid),
        sa.Column("transaction_id", sa.Uuid),
        sa.Column("after_close", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("undoes", sa.Uuid),
        sa.Column("replaces", sa.Uuid),
        sa.Column("particulars", JSONB),
        sa.Column("actor_id", sa.Uuid),
        sa.Column("reason", sa.Text),
        sa.Column("booked_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("loan_id", "id", name="pk_loan_events"),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name="fk_loan_events_loan_id"),
        sa.CheckConstraint(f"kind IN ({KINDS})", name="ck_loan_events_kind"),
        sa.CheckConstraint("amount_minor >= 0", name="ck_loan_events_amount"),
        sa.CheckConstraint(
            "(kind = 'undoing') = (undoes IS NOT NULL)", name="ck_loan_events_undoes"
        ),
    )
    op.create_index(
        "uq_loan_events_undone_once",
        "loan_events",
        ["loan_id", "undoes"],
        unique=True,
        postgresql_where=sa.text("undoes IS NOT NULL"),
    )
    for statement in (FROM_TRANSACTIONS, WRITE_OFFS, RESTRUCTURINGS):
        op.execute(statement)
    op.execute(APPEND_ONLY)


def downgrade() -> None:
    op.drop_table("loan_events")
