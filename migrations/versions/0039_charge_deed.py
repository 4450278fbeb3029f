"""A charge by hand is a deed that may need two."""

from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

DEEDS = (
    "'credit', 'debit', 'opening', 'reversal', 'overdraft', 'settlement',"
    " 'write_off', 'restructuring', 'new_staff', 'role_change', 'waiver', 'adjustment'"
)


def upgrade() -> None:
    _deeds(f"{DEEDS}, 'charge'")
    op.execute("ALTER TABLE approvals VALIDATE CONSTRAINT ck_approvals_deed")


def downgrade() -> None:
    _deeds(DEEDS)


def _deeds(known: str) -> None:
    op.drop_constraint(op.f("ck_approvals_deed"), "approvals")
    # What was proposed stays: rows of a later deed are left alone on the way down.
    op.execute(
        "ALTER TABLE approvals ADD CONSTRAINT ck_approvals_deed"
        f" CHECK (deed IN ({known})) NOT VALID"
    )
