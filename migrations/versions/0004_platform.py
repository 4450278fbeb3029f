"""Platform: the scheduler's ticks and the jobs that failed for good."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "scheduler_ticks",
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("due_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("started_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("job", "due_at"),
    )
    op.create_table(
        "failed_jobs",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("args", JSONB, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text),
        sa.Column("failed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("retried_at", sa.TIMESTAMP(timezone=True)),
    )
    op.create_index("ix_failed_jobs_failed_at", "failed_jobs", ["failed_at"])


def downgrade() -> None:
    op.drop_table("failed_jobs")
    op.drop_table("scheduler_ticks")
