"""A schedule's basis keeps its equal part, how many instalments are left of it, and its grace.

Of schedules of before this: the part is what their next instalment says, what is left runs to the
last instalment, and only a first schedule has grace.
"""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_KEEP = """
UPDATE loans l SET schedule_basis = schedule_basis || jsonb_build_object(
  'part', CASE WHEN terms->>'method' = 'equal_principal' THEN coalesce((
    SELECT i.principal_minor - i.prepaid_minor FROM loan_instalments i
    WHERE i.loan_id = l.id AND i.superseded_at IS NULL AND i.paid_on IS NULL
    ORDER BY i.number LIMIT 1
  ), emi_minor) WHEN terms->>'method' = 'bullet' THEN 0 ELSE emi_minor END,
  'left', (
    SELECT max(i.number) FROM loan_instalments i WHERE i.loan_id = l.id AND i.superseded_at IS NULL
  ) - (schedule_basis->>'first_number')::int + 1,
  'grace', (schedule_basis->>'first_number')::int = 1
)
WHERE schedule_basis IS NOT NULL
"""
_FORGET = """
UPDATE loans SET schedule_basis = schedule_basis - 'part' - 'left' - 'grace'
WHERE schedule_basis IS NOT NULL
"""


def upgrade() -> None:
    op.execute(_KEEP)


def downgrade() -> None:
    op.execute(_FORGET)
