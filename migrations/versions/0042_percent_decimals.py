"""Shares in a loan's terms have at most six decimals, as rates have.

What was kept with more is rounded: so little is no minor unit of any loan that the bank lends.
"""

from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

SHARES = (
    "unnest(ARRAY['processing_fee_percent', 'foreclosure_fee_percent', 'fee_tax_percent',"
    " 'late_fee_percent'])"
)


def upgrade() -> None:
    for table in ("loan_products", "loans"):
        op.execute(
            f"""
            UPDATE {table} AS kept SET terms = terms || (
              SELECT jsonb_object_agg(name, trim_scale(round((terms ->> name)::numeric, 6))::text)
              FROM {SHARES} AS name WHERE terms ? name
            )
            WHERE EXISTS (
              SELECT FROM {SHARES} AS name WHERE scale(trim_scale((terms ->> name)::numeric)) > 6
            )
            """
        )


def downgrade() -> None:
    """Nothing: what was rounded stays, and is read by what was before."""
