"""Lending: the business day's runs, their chunks and leases; recovery cases."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_bank_day()
    create_business_day_runs()
    create_business_day_chunks()
    create_recovery_cases()
    create_recovery_history()
    op.execute("INSERT INTO bank_day (id) VALUES (1)")
    op.execute(
        "CREATE TRIGGER recovery_history_append_only BEFORE UPDATE OR DELETE OR TRUNCATE"
        " ON recovery_history FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def create_bank_day() -> None:
    op.create_table(
        "bank_day",
        sa.Column("id", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("last_closed_on", sa.Date),
        sa.CheckConstraint("id = 1", name="ck_bank_day_one_row"),
        sa.PrimaryKeyConstraint("id", name="pk_bank_day"),
    )


def create_business_day_runs() -> None:
    op.create_table(
        "business_day_runs",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("business_date", sa.Date, nullable=False),
        sa.Column("status", sa.Text, server_default="queued", nullable=False),
        sa.Column("total", sa.Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("done", sa.Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("succeeded", sa.Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("failed", sa.Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("requested_by", sa.Uuid),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("started_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("error", sa.Text),
        sa.CheckConstraint(
            "job IN ('close-day', 'emi-collection', 'default-recovery')",
            name="ck_business_day_runs_job",
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'completed', 'failed')",
            name="ck_business_day_runs_status",
        ),
        sa.CheckConstraint(
            "done <= total AND succeeded + failed <= done", name="ck_business_day_runs_counts"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_business_day_runs"),
    )
    op.create_index(
        "uq_business_day_runs_under_way",
        "business_day_runs",
        ["job", "business_date"],
        unique=True,
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )


def create_business_day_chunks() -> None:
    op.create_table(
        "business_day_chunks",
        sa.Column("run_id", sa.Uuid, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("first_user", sa.Uuid, nullable=False),
        sa.Column("next_user", sa.Uuid),
        sa.Column("loans", sa.Integer, nullable=False),
        sa.Column("phase", sa.Text, server_default="collect", nullable=False),
        sa.Column("attempts", sa.Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("waiting_for", sa.ARRAY(sa.Uuid), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_until", sa.TIMESTAMP(timezone=True)),
        sa.Column("error", sa.Text),
        sa.CheckConstraint(
            "phase IN ('collect', 'assess', 'recover', 'done')", name="ck_business_day_chunks_phase"
        ),
        sa.CheckConstraint(
            "(lease_owner IS NULL) = (lease_until IS NULL)", name="ck_business_day_chunks_lease"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["business_day_runs.id"], name="fk_business_day_chunks_run_id"
        ),
        sa.PrimaryKeyConstraint("run_id", "number", name="pk_business_day_chunks"),
    )


def create_recovery_cases() -> None:
    op.create_table(
        "recovery_cases",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("loan_id", sa.Uuid, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("stage_since", sa.Date, nullable=False),
        sa.Column("officer_id", sa.Uuid),
        sa.Column("opened_on", sa.Date, nullable=False),
        sa.Column("opened_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("closed_at", sa.TIMESTAMP(timezone=True)),
        sa.CheckConstraint(
            "(stage = 'closed') = (closed_at IS NOT NULL)", name="ck_recovery_cases_closed_at"
        ),
        sa.CheckConstraint(
            "stage IN ('reminder', 'set_off', 'restructure', 'settlement', 'write_off', 'closed')",
            name="ck_recovery_cases_stage",
        ),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name="fk_recovery_cases_loan_id"),
        sa.ForeignKeyConstraint(["officer_id"], ["users.id"], name="fk_recovery_cases_officer_id"),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_cases"),
    )
    op.create_index("ix_recovery_cases_loan_id", "recovery_cases", ["loan_id"])
    op.create_index(
        "uq_recovery_cases_open",
        "recovery_cases",
        ["loan_id"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def create_recovery_history() -> None:
    op.create_table(
        "recovery_history",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("case_id", sa.Uuid, nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["recovery_cases.id"], name="fk_recovery_history_case_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_history"),
    )
    op.create_index("ix_recovery_history_case_id", "recovery_history", ["case_id"])


def downgrade() -> None:
    op.drop_table("recovery_history")
    op.drop_table("recovery_cases")
    op.drop_table("business_day_chunks")
    op.drop_table("business_day_runs")
    op.drop_table("bank_day")
