"""What must be forgotten some day lies where it can be: origins beside the audit log, addresses of
logins; and what a retention job looks for by its age is found by it."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

AGED = ("notifications", "idempotency_keys")


def upgrade() -> None:
    op.create_table(
        "login_addresses",
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "address", name="pk_login_addresses"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_login_addresses_user_id"),
    )
    op.create_table(
        "audit_origins",
        sa.Column("entry_id", sa.Uuid, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("ip", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name="pk_audit_origins"),
    )
    op.execute(
        "INSERT INTO audit_origins (entry_id, at, ip) "
        "SELECT id, at, ip FROM audit_log WHERE ip IS NOT NULL"
    )
    op.drop_column("audit_log", "ip")
    op.create_index("ix_audit_origins_at", "audit_origins", ["at"], postgresql_using="brin")
    for table in AGED:
        op.create_index(f"ix_{table}_created_at", table, ["created_at"], postgresql_using="brin")


def downgrade() -> None:
    for table in AGED:
        op.drop_index(f"ix_{table}_created_at", table_name=table)
    op.add_column("audit_log", sa.Column("ip", sa.Text))
    # Not even the owner may change it, but for this once.
    op.execute("GRANT UPDATE ON audit_log TO CURRENT_USER")
    op.execute("ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only")
    op.execute(
        "UPDATE audit_log SET ip = o.ip FROM audit_origins o WHERE o.entry_id = audit_log.id"
    )
    op.execute("ALTER TABLE audit_log ENABLE TRIGGER audit_log_append_only")
    op.execute("REVOKE UPDATE ON audit_log FROM CURRENT_USER")
    op.drop_table("audit_origins")
    op.drop_table("login_addresses")
