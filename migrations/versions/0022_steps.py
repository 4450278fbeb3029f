"""The business day is the bank's: a chunk belongs to a part of its run."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

CHUNKS = "business_day_chunks"
RENAMED = {"first_user": "first_id", "next_user": "next_id", "loans": "size"}


def upgrade() -> None:
    for before, after in RENAMED.items():
        op.alter_column(CHUNKS, before, new_column_name=after)
    op.add_column(CHUNKS, sa.Column("part", sa.Text, nullable=False, server_default="lending"))
    op.alter_column(CHUNKS, "part", server_default=None)
    op.alter_column(CHUNKS, "phase", server_default=None)
    op.drop_constraint("ck_business_day_chunks_phase", CHUNKS, type_="check")


def downgrade() -> None:
    # What other features did with a date is not known below; of it nothing is left to do there.
    op.execute("DELETE FROM business_day_chunks WHERE part <> 'lending'")
    op.create_check_constraint(
        op.f("ck_business_day_chunks_phase"),
        CHUNKS,
        "phase IN ('collect', 'assess', 'recover', 'done')",
    )
    op.alter_column(CHUNKS, "phase", server_default="collect")
    op.drop_column(CHUNKS, "part")
    for before, after in RENAMED.items():
        op.alter_column(CHUNKS, after, new_column_name=before)
