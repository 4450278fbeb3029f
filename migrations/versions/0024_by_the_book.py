"""What lending by the book needs to remember: suspense, exact fractions, what a period earns.

Of instalments of before this, what is asked is what their periods earned. A fraction of a penal
charge was not charged yet; it becomes the running total, of which what it rounds to counts as
charged. So it is kept as far as it rounds to nothing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

ZERO = sa.text("0")
# The denominator of ``penal_carried``: percent with six decimals of a year of 365 days.
CARRIED_OVER = 100 * 365 * 10**6

LOANS = (
    sa.Column("oldest_unpaid_on", sa.Date),
    sa.Column(
        "by_year",
        sa.Boolean,
        sa.Computed("coalesce(terms->>'day_count', '') = 'actual/actual'", persisted=True),
        nullable=False,
    ),
    sa.Column("suspended_percent", sa.SmallInteger, server_default=ZERO, nullable=False),
    sa.Column("interest_suspended_minor", sa.BigInteger, server_default=ZERO, nullable=False),
    sa.Column("penalty_suspended_minor", sa.BigInteger, server_default=ZERO, nullable=False),
    sa.Column("overpaid_minor", sa.BigInteger, server_default=ZERO, nullable=False),
    sa.Column("restructured_count", sa.SmallInteger, server_default=ZERO, nullable=False),
    sa.Column("specified_until", sa.Date),
)
INSTALMENTS = (
    sa.Column("accrues_minor", sa.BigInteger, server_default=ZERO, nullable=False),
    sa.Column("late_interest_minor", sa.BigInteger, server_default=ZERO, nullable=False),
    sa.Column("late_to", sa.Date),
    sa.Column("late_carried", sa.Numeric(40, 0), server_default=ZERO, nullable=False),
)
CHECKS = (
    (
        "loans",
        "suspended",
        "suspended_percent BETWEEN 0 AND 100 AND interest_suspended_minor >= 0"
        " AND penalty_suspended_minor >= 0",
    ),
    ("loans", "counts", "overpaid_minor >= 0 AND restructured_count >= 0"),
    (
        "loan_instalments",
        "earns",
        "accrues_minor >= 0 AND late_interest_minor BETWEEN 0 AND interest_minor",
    ),
)
OLDEST_UNPAID = """
UPDATE loans l SET oldest_unpaid_on = u.due_date FROM (
  SELECT loan_id, min(due_date) AS due_date FROM loan_instalments
  WHERE superseded_at IS NULL AND paid_on IS NULL GROUP BY loan_id
) u WHERE u.loan_id = l.id
"""
DAY = """
INSERT INTO lending_day (id, accrued_through)
SELECT 1, min(last_closed_on) FROM loans WHERE status IN ('active', 'restructured')
"""

# What of a fraction rounds to nothing, by the loan's rule.
ROUNDS_TO_NOTHING = f"""
UPDATE loan_instalments i SET penal_carried = CASE coalesce(l.terms->>'rounding', 'half_up')
  WHEN 'down' THEN i.penal_carried
  WHEN 'up' THEN 0
  ELSE least(i.penal_carried, {CARRIED_OVER // 2 - 1}) END
FROM loans l WHERE l.id = i.loan_id AND i.penal_carried > 0
"""
# On the way back: the fraction of the running total that was not charged.
NOT_CHARGED = f"""
UPDATE loan_instalments i SET penal_carried = CASE coalesce(l.terms->>'rounding', 'half_up')
  WHEN 'down' THEN rest
  WHEN 'up' THEN 0
  ELSE CASE WHEN 2 * rest < {CARRIED_OVER} THEN rest ELSE 0 END END
FROM loans l,
     (SELECT loan_id, version, number, penal_carried % {CARRIED_OVER} AS rest
      FROM loan_instalments WHERE penal_carried > 0) AS r
WHERE l.id = i.loan_id AND r.loan_id = i.loan_id AND r.version = i.version AND r.number = i.number
"""


def upgrade() -> None:
    for column in LOANS:
        op.add_column("loans", column.copy())
    for column in INSTALMENTS:
        op.add_column("loan_instalments", column.copy())
    op.execute("UPDATE loan_instalments SET accrues_minor = interest_minor")
    op.execute(OLDEST_UNPAID)
    for table, name, condition in CHECKS:
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)
    op.execute(
        "ALTER TABLE loan_instalments ALTER penal_carried TYPE numeric(40, 0)"
        f" USING floor(penal_carried * {CARRIED_OVER})"
    )
    op.execute(ROUNDS_TO_NOTHING)
    _make_tables()
    op.execute(DAY)
    for table in ("loan_accruals", "lending_accruals"):
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE"
            f" ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _make_tables() -> None:
    op.create_table(
        "lending_day",
        sa.Column("id", sa.SmallInteger, autoincrement=False),
        sa.Column("accrued_through", sa.Date),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lending_day")),
        sa.CheckConstraint("id = 1", name=op.f("ck_lending_day_one_row")),
    )
    op.create_table(
        "lending_accruals",
        sa.Column("business_date", sa.Date, nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("since", sa.Date),
        sa.Column("earned_minor", sa.BigInteger, nullable=False),
        sa.Column("suspended_minor", sa.BigInteger, server_default=ZERO, nullable=False),
        sa.Column("transaction_id", sa.Uuid),
        sa.PrimaryKeyConstraint("business_date", "currency", name=op.f("pk_lending_accruals")),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["transactions.id"],
            name=op.f("fk_lending_accruals_transaction_id_transactions"),
        ),
        sa.CheckConstraint("since < business_date", name=op.f("ck_lending_accruals_since")),
        sa.CheckConstraint(
            "suspended_minor BETWEEN 0 AND earned_minor", name=op.f("ck_lending_accruals_suspended")
        ),
    )
    op.create_table(
        "loan_accruals",
        sa.Column("loan_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("period_start", sa.Date),
        sa.Column("period_end", sa.Date),
        sa.Column("period_interest_minor", sa.BigInteger),
        sa.Column("period_accrued_minor", sa.BigInteger),
        sa.Column("suspended_percent", sa.SmallInteger, server_default=ZERO, nullable=False),
        sa.Column("accrued_through", sa.Date),
        sa.Column("own_on", sa.Date),
        sa.Column("own_minor", sa.BigInteger, server_default=ZERO, nullable=False),
        sa.Column("transaction_id", sa.Uuid),
        sa.PrimaryKeyConstraint("loan_id", "id", name=op.f("pk_loan_accruals")),
        sa.ForeignKeyConstraint(
            ["loan_id"], ["loans.id"], name=op.f("fk_loan_accruals_loan_id_loans")
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["transactions.id"],
            name=op.f("fk_loan_accruals_transaction_id_transactions"),
        ),
        sa.CheckConstraint(
            "num_nonnulls(period_start, period_end, period_interest_minor, period_accrued_minor)"
            " IN (0, 4) AND period_start <= period_end",
            name=op.f("ck_loan_accruals_period"),
        ),
        sa.CheckConstraint(
            "(transaction_id IS NULL) = (own_minor = 0)", name=op.f("ck_loan_accruals_own")
        ),
    )


def downgrade() -> None:
    for table in ("loan_accruals", "lending_accruals", "lending_day"):
        op.drop_table(table)
    op.execute(NOT_CHARGED)
    op.execute(
        "ALTER TABLE loan_instalments ALTER penal_carried TYPE numeric(24, 12)"
        f" USING penal_carried::numeric / {CARRIED_OVER}"
    )
    for table, name, _ in CHECKS:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    for column in INSTALMENTS:
        op.drop_column("loan_instalments", column.name)
    for column in LOANS:
        op.drop_column("loans", column.name)
