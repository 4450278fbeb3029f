"""Four eyes: deeds that one member of staff proposes and another decides on."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# What was decided stays so, and what was proposed never becomes something else.
STAY_DECIDED = (
    """
    CREATE FUNCTION approvals_stay_decided() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'approval % is %: it stays as it was proposed and decided', OLD.id, OLD.status
        USING ERRCODE = 'check_violation', CONSTRAINT = 'approvals_decided_once';
    END $$
    """,
    """
    CREATE TRIGGER approvals_decided_once BEFORE UPDATE ON approvals FOR EACH ROW
      WHEN (OLD.status <> 'waiting' OR (
        OLD.id, OLD.deed, OLD.body, OLD.ground, OLD.owners, OLD.run_id, OLD.proposed_by,
        OLD.proposed_at, OLD.lapses_at
      ) IS DISTINCT FROM (
        NEW.id, NEW.deed, NEW.body, NEW.ground, NEW.owners, NEW.run_id, NEW.proposed_by,
        NEW.proposed_at, NEW.lapses_at
      ))
      EXECUTE FUNCTION approvals_stay_decided()
    """,
    """
    CREATE TRIGGER approvals_never_deleted BEFORE DELETE OR TRUNCATE ON approvals
      FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
)


def upgrade() -> None:
    op.create_table(
        "approvals",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("deed", sa.Text, nullable=False),
        sa.Column("body", JSONB, nullable=False),
        sa.Column("sealed", JSONB),
        sa.Column("ground", JSONB, nullable=False),
        sa.Column("owners", sa.ARRAY(sa.Uuid), nullable=False),
        sa.Column("run_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("proposed_by", sa.Uuid, nullable=False),
        sa.Column(
            "proposed_at",
            sa.TIMESTAMP(timezone=True),
            nullable=False,
            server_default=sa.func.clock_timestamp(),
        ),
        sa.Column("lapses_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("request_id", sa.Text),
        sa.Column("status", sa.Text, nullable=False, server_default="waiting"),
        sa.Column("decided_by", sa.Uuid),
        sa.Column("decided_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("decision_id", sa.Uuid, unique=True),
        sa.Column("reason", sa.Text),
        sa.Column("result", JSONB),
        sa.CheckConstraint(
            "deed IN ('credit', 'debit', 'opening', 'reversal', 'overdraft', 'settlement',"
            " 'write_off', 'restructuring', 'new_staff', 'role_change')",
            name="deed",
        ),
        sa.CheckConstraint("status IN ('waiting', 'approved', 'rejected', 'void')", name="status"),
        sa.CheckConstraint("decided_by <> proposed_by", name="four_eyes"),
        sa.CheckConstraint(
            "(status = 'waiting') = (decided_by IS NULL)"
            " AND (status = 'waiting') = (decided_at IS NULL)",
            name="decided",
        ),
        sa.CheckConstraint(
            "(status IN ('approved', 'void')) = (result IS NOT NULL)", name="result"
        ),
        sa.CheckConstraint("sealed IS NULL OR status = 'waiting'", name="sealed"),
        sa.CheckConstraint("lapses_at > proposed_at", name="lapses_at"),
        sa.ForeignKeyConstraint(["proposed_by"], ["users.id"]),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"]),
    )
    op.create_index(
        "ix_approvals_waiting",
        "approvals",
        ["id"],
        postgresql_where=sa.text("status = 'waiting'"),
    )
    for statement in STAY_DECIDED:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("approvals")
    op.execute("DROP FUNCTION approvals_stay_decided")
