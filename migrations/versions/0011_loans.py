"""Lending: products, loans, their schedules, collections and charges."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# One product to begin with, on the terms that ``ProductTerms`` gives by default; spelled out here,
# because a migration must not change when the code's defaults do.
STANDARD_TERMS = {
    "min_amount": "1",
    "max_amount": "10000000",
    "min_tenure_months": 1,
    "max_tenure_months": 360,
    "min_rate": "0",
    "max_rate": "60",
    "default_rate": "12",
    "default_tenure_months": 12,
    "method": "reducing",
    "frequency": "monthly",
    "day_count": "30/360",
    "rounding": "half_up",
    "grace_days": 3,
    "late_fee_percent": "1",
    "penal_rate": "6",
    "retry_days": [1, 3, 7],
    "sma0_to": 30,
    "sma1_to": 60,
    "npa_after_dpd": 90,
    "default_after_dpd": 90,
    "set_off": True,
    "write_off_after_dpd": 180,
}

KEPT_FOR_GOOD = ("loans", "loan_instalments", "loan_collections")
NEVER_DELETED = """
CREATE TRIGGER {table}_never_deleted BEFORE DELETE OR TRUNCATE ON {table}
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
CHARGES_APPEND_ONLY = """
CREATE TRIGGER loan_charges_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON loan_charges
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    create_loan_products()
    create_loans()
    create_loan_instalments()
    create_loan_collections()
    create_loan_charges()
    for table in KEPT_FOR_GOOD:
        op.execute(NEVER_DELETED.format(table=table))
    op.execute(CHARGES_APPEND_ONLY)


def create_loan_products() -> None:
    products = op.create_table(
        "loan_products",
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, server_default=sa.text("true"), nullable=False),
        sa.Column("terms", JSONB, nullable=False),
        sa.Column(
            "updated_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("code ~ '^[a-z0-9][a-z0-9_-]{0,39}$'", name="ck_loan_products_code"),
        sa.PrimaryKeyConstraint("code", name="pk_loan_products"),
    )
    op.bulk_insert(
        products,
        [{"code": "standard", "name": "Standard loan", "enabled": True, "terms": STANDARD_TERMS}],
    )


def create_loans() -> None:
    op.create_table(
        "loans",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("account_id", sa.Uuid, nullable=False),
        sa.Column("product_code", sa.Text, nullable=False),
        sa.Column("status", sa.Text, server_default="pending", nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("interest_rate", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("tenure_months", sa.Integer, nullable=False),
        sa.Column("terms", JSONB, nullable=False),
        sa.Column("purpose", sa.Text),
        sa.Column("monthly_income_minor", sa.BigInteger),
        sa.Column("monthly_obligations_minor", sa.BigInteger),
        sa.Column(
            "processing_fee_minor", sa.BigInteger, server_default=sa.text("0"), nullable=False
        ),
        sa.Column("emi_minor", sa.BigInteger, nullable=False),
        sa.Column("monthly_emi_minor", sa.BigInteger, nullable=False),
        sa.Column("assessment", JSONB),
        sa.Column("applied_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("decided_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("decided_by", sa.Uuid),
        sa.Column("rejection_reason", sa.Text),
        sa.Column("disbursement_transaction_id", sa.Uuid),
        sa.Column("disbursement_failure", sa.Text),
        sa.Column("disbursed_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("disbursed_on", sa.Date),
        sa.Column("closed_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("deleted_at", sa.TIMESTAMP(timezone=True)),
        sa.Column(
            "principal_disbursed_minor", sa.BigInteger, server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "principal_repaid_minor", sa.BigInteger, server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "principal_written_off_minor",
            sa.BigInteger,
            server_default=sa.text("0"),
            nullable=False,
        ),
        sa.Column(
            "principal_outstanding_minor",
            sa.BigInteger,
            server_default=sa.text("0"),
            nullable=False,
        ),
        sa.Column(
            "interest_accrued_minor", sa.BigInteger, server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "interest_paid_minor", sa.BigInteger, server_default=sa.text("0"), nullable=False
        ),
        sa.Column("written_off_minor", sa.BigInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("recovered_minor", sa.BigInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("schedule_version", sa.SmallInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("schedule_basis", JSONB),
        sa.Column("period_start", sa.Date),
        sa.Column("period_end", sa.Date),
        sa.Column(
            "period_interest_minor", sa.BigInteger, server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "period_accrued_minor", sa.BigInteger, server_default=sa.text("0"), nullable=False
        ),
        sa.Column("last_closed_on", sa.Date),
        sa.Column("dpd", sa.Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("worst_dpd", sa.Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("classification", sa.Text, server_default="standard", nullable=False),
        sa.Column("in_default", sa.Boolean, server_default=sa.text("false"), nullable=False),
        sa.Column("assessed_on", sa.Date),
        sa.CheckConstraint(
            "(status IN ('closed', 'foreclosed', 'settled', 'written_off')) = (closed_at "
            "IS NOT NULL)",
            name="ck_loans_closed_at",
        ),
        sa.CheckConstraint(
            "(status IN ('pending', 'rejected', 'withdrawn', 'approved')) = (disbursed_at IS NULL)",
            name="ck_loans_disbursed_at",
        ),
        sa.CheckConstraint(
            "classification IN ('standard', 'sma0', 'sma1', 'sma2', 'npa')",
            name="ck_loans_classification",
        ),
        sa.CheckConstraint(
            "deleted_at IS NULL OR status NOT IN ('active', 'restructured')",
            name="ck_loans_deleted_is_over",
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'rejected', 'withdrawn', 'approved', 'active', "
            "'closed', 'foreclosed', 'restructured', 'settled', 'written_off')",
            name="ck_loans_status",
        ),
        sa.CheckConstraint(
            "status NOT IN ('closed', 'foreclosed', 'settled', 'written_off') OR "
            "principal_outstanding_minor = 0",
            name="ck_loans_an_end_owes_nothing",
        ),
        sa.CheckConstraint("amount_minor > 0", name="ck_loans_amount"),
        sa.CheckConstraint("dpd >= 0 AND worst_dpd >= dpd", name="ck_loans_dpd"),
        sa.CheckConstraint("interest_rate BETWEEN 0 AND 1000", name="ck_loans_interest_rate"),
        sa.CheckConstraint(
            "period_accrued_minor BETWEEN 0 AND period_interest_minor", name="ck_loans_accrued"
        ),
        sa.CheckConstraint(
            "principal_disbursed_minor = CASE WHEN disbursed_at IS NULL THEN 0 ELSE "
            "amount_minor END",
            name="ck_loans_disbursed_once",
        ),
        sa.CheckConstraint(
            "principal_outstanding_minor = principal_disbursed_minor - "
            "principal_repaid_minor - principal_written_off_minor",
            name="ck_loans_principal_adds_up",
        ),
        sa.CheckConstraint(
            "principal_outstanding_minor >= 0 AND principal_repaid_minor >= 0 AND "
            "principal_written_off_minor >= 0",
            name="ck_loans_principal_signs",
        ),
        sa.CheckConstraint(
            "processing_fee_minor BETWEEN 0 AND amount_minor - 1", name="ck_loans_fee"
        ),
        sa.CheckConstraint("tenure_months > 0", name="ck_loans_tenure"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_loans_account_id"),
        sa.ForeignKeyConstraint(
            ["product_code"], ["loan_products.code"], name="fk_loans_product_code"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_loans_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_loans"),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index("ix_loans_account", "loans", ["account_id"])
    op.create_index(
        "ix_loans_flagged",
        "loans",
        ["user_id"],
        postgresql_where=sa.text(
            "status IN ('active', 'restructured') AND (dpd > 0 OR classification <> 'standard')"
        ),
    )
    op.create_index(
        "ix_loans_repaying",
        "loans",
        ["user_id"],
        postgresql_where=sa.text("status IN ('active', 'restructured')"),
    )
    op.create_index("ix_loans_user", "loans", ["user_id", "id"])


def create_loan_instalments() -> None:
    op.create_table(
        "loan_instalments",
        sa.Column("loan_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.SmallInteger, nullable=False),
        sa.Column("number", sa.SmallInteger, nullable=False),
        sa.Column("period_start", sa.Date, nullable=False),
        sa.Column("due_date", sa.Date, nullable=False),
        sa.Column("opening_minor", sa.BigInteger, nullable=False),
        sa.Column("principal_minor", sa.BigInteger, nullable=False),
        sa.Column("interest_minor", sa.BigInteger, nullable=False),
        sa.Column("fee_minor", sa.BigInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("penalty_minor", sa.BigInteger, server_default=sa.text("0"), nullable=False),
        sa.Column(
            "principal_paid_minor", sa.BigInteger, server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "interest_paid_minor", sa.BigInteger, server_default=sa.text("0"), nullable=False
        ),
        sa.Column("fee_paid_minor", sa.BigInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("penalty_paid_minor", sa.BigInteger, server_default=sa.text("0"), nullable=False),
        sa.Column(
            "unpaid_minor",
            sa.BigInteger,
            sa.Computed(
                "principal_minor - principal_paid_minor + interest_minor - "
                "interest_paid_minor + fee_minor - fee_paid_minor + penalty_minor - "
                "penalty_paid_minor",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.SmallInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("first_attempt_on", sa.Date),
        sa.Column("next_attempt_on", sa.Date),
        sa.Column("penal_to", sa.Date),
        sa.Column(
            "penal_carried",
            sa.Numeric(precision=24, scale=12),
            server_default=sa.text("0"),
            nullable=False,
        ),
        sa.Column("late_fee_on", sa.Date),
        sa.Column("paid_on", sa.Date),
        sa.Column("superseded_at", sa.TIMESTAMP(timezone=True)),
        sa.CheckConstraint(
            "fee_paid_minor >= 0 AND fee_paid_minor <= fee_minor",
            name="ck_loan_instalments_fee_paid",
        ),
        sa.CheckConstraint(
            "interest_paid_minor >= 0 AND interest_paid_minor <= interest_minor",
            name="ck_loan_instalments_interest_paid",
        ),
        sa.CheckConstraint(
            "penalty_paid_minor >= 0 AND penalty_paid_minor <= penalty_minor",
            name="ck_loan_instalments_penalty_paid",
        ),
        sa.CheckConstraint("period_start < due_date", name="ck_loan_instalments_period"),
        sa.CheckConstraint(
            "principal_paid_minor >= 0 AND principal_paid_minor <= principal_minor",
            name="ck_loan_instalments_principal_paid",
        ),
        sa.CheckConstraint(
            "superseded_at IS NOT NULL OR (paid_on IS NOT NULL) = (unpaid_minor = 0)",
            name="ck_loan_instalments_paid_on",
        ),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name="fk_loan_instalments_loan_id"),
        sa.PrimaryKeyConstraint("loan_id", "version", "number", name="pk_loan_instalments"),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index(
        "ix_loan_instalments_collect",
        "loan_instalments",
        ["next_attempt_on"],
        postgresql_where=sa.text(
            "superseded_at IS NULL AND paid_on IS NULL AND next_attempt_on IS NOT NULL"
        ),
    )
    op.create_index(
        "ix_loan_instalments_unpaid",
        "loan_instalments",
        ["due_date"],
        postgresql_where=sa.text("superseded_at IS NULL AND paid_on IS NULL"),
    )
    op.create_index(
        "uq_loan_instalments_current",
        "loan_instalments",
        ["loan_id", "number"],
        unique=True,
        postgresql_where=sa.text("superseded_at IS NULL"),
    )


def create_loan_collections() -> None:
    op.create_table(
        "loan_collections",
        sa.Column("loan_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.SmallInteger, nullable=False),
        sa.Column("number", sa.SmallInteger, nullable=False),
        sa.Column("attempt", sa.SmallInteger, nullable=False),
        sa.Column("transaction_id", sa.Uuid, nullable=False),
        sa.Column("business_date", sa.Date, nullable=False),
        sa.Column("requested_minor", sa.BigInteger, nullable=False),
        sa.Column("collected_minor", sa.BigInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("status", sa.Text, server_default="pending", nullable=False),
        sa.Column("failure_code", sa.Text),
        sa.Column("run_id", sa.Uuid),
        sa.CheckConstraint(
            "(status IN ('success', 'partial')) = (collected_minor > 0)",
            name="ck_loan_collections_collected",
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'success', 'partial', 'failed')",
            name="ck_loan_collections_status",
        ),
        sa.CheckConstraint("attempt > 0", name="ck_loan_collections_attempt"),
        sa.CheckConstraint(
            "collected_minor BETWEEN 0 AND requested_minor AND requested_minor > 0",
            name="ck_loan_collections_amounts",
        ),
        sa.ForeignKeyConstraint(
            ["loan_id", "version", "number"],
            ["loan_instalments.loan_id", "loan_instalments.version", "loan_instalments.number"],
            name="fk_loan_collections_instalment",
        ),
        sa.PrimaryKeyConstraint(
            "loan_id", "version", "number", "attempt", name="pk_loan_collections"
        ),
        sa.UniqueConstraint(
            "loan_id",
            "version",
            "number",
            "business_date",
            name="uq_loan_collections_loan_id_version_number_business_date",
        ),
        sa.UniqueConstraint("transaction_id", name="uq_loan_collections_transaction_id"),
    )
    op.create_index(
        "uq_loan_collections_pending",
        "loan_collections",
        ["loan_id", "version", "number"],
        unique=True,
        postgresql_where=sa.text("status = 'pending'"),
    )


def create_loan_charges() -> None:
    op.create_table(
        "loan_charges",
        sa.Column("loan_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.SmallInteger, nullable=False),
        sa.Column("number", sa.SmallInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("business_date", sa.Date, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("transaction_id", sa.Uuid, nullable=False),
        sa.CheckConstraint("kind IN ('late_fee', 'penal')", name="ck_loan_charges_kind"),
        sa.CheckConstraint("amount_minor > 0", name="ck_loan_charges_amount"),
        sa.ForeignKeyConstraint(
            ["loan_id", "version", "number"],
            ["loan_instalments.loan_id", "loan_instalments.version", "loan_instalments.number"],
            name="fk_loan_charges_instalment",
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["transactions.id"], name="fk_loan_charges_transaction_id"
        ),
        sa.PrimaryKeyConstraint(
            "loan_id", "version", "number", "kind", "business_date", name="pk_loan_charges"
        ),
    )
    op.create_index(
        "uq_loan_charges_late_fee",
        "loan_charges",
        ["loan_id", "version", "number"],
        unique=True,
        postgresql_where=sa.text("kind = 'late_fee'"),
    )


def downgrade() -> None:
    op.drop_table("loan_charges")
    op.drop_table("loan_collections")
    op.drop_table("loan_instalments")
    op.drop_table("loans")
    op.drop_table("loan_products")
