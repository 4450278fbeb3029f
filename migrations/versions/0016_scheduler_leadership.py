"""Which scheduler leads: one row, a lease kept by beats."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    leadership = op.create_table(
        "scheduler_leadership",
        sa.Column("id", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("holder", sa.Uuid),
        sa.Column("term", sa.BigInteger, nullable=False),
        sa.Column("beat", sa.BigInteger, nullable=False),
        sa.Column("taken_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("renewed_at", sa.TIMESTAMP(timezone=True)),
        sa.CheckConstraint("id = 1", name="ck_scheduler_leadership_one_row"),
        sa.PrimaryKeyConstraint("id", name="pk_scheduler_leadership"),
    )
    op.bulk_insert(leadership, [{"id": 1, "term": 0, "beat": 0}])


def downgrade() -> None:
    op.drop_table("scheduler_leadership")
