"""The whole matrix of privileges: each table, each role, each privilege, in PostgreSQL's words.

The roles: the **owner** of the tables runs the migrations and nothing else. The **api** takes in
what customers and staff ask for. The **worker** (workers, scheduler, `giro close-day`) settles. The
**auditor** reads: `giro verify`, reports, an operator's own look.

What a migration adds needs its line here; `tests/security` says so where it is missing. The grants
follow from this file after every `giro migrate`: nothing is granted by hand, and what was is taken
back. `UPDATE (a, b)` lets a role change these columns alone; a row lock (`FOR UPDATE` and its
weaker kinds) needs `UPDATE` on one column at least. Nobody holds TRUNCATE, REFERENCES, TRIGGER, or
the right to create anything; PUBLIC holds nothing at all.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class DatabaseRole(StrEnum):
    """The roles that the programs run as; the owner has whatever name it was given."""

    API = "giro_api"
    WORKER = "giro_worker"
    AUDITOR = "giro_auditor"


RUNTIME_ROLES: Final = tuple(DatabaseRole)


@dataclass(frozen=True, slots=True)
class Table:
    """What api and worker may do; the auditor reads every table."""

    api: str = ""
    worker: str = ""
    auditor: str = "SELECT"

    def of(self, role: DatabaseRole) -> str:
        """The privileges of ``role``, as written."""
        return {
            DatabaseRole.API: self.api,
            DatabaseRole.WORKER: self.worker,
            DatabaseRole.AUDITOR: self.auditor,
        }[role]


READ: Final = "SELECT"
ADD: Final = "SELECT, INSERT"
WRITE: Final = "SELECT, INSERT, UPDATE"

TABLES: Final[dict[str, Table]] = {
    "alembic_version": Table(api=READ, worker=READ),
    # --- people and their logins: no worker reads a password or a token
    "users": Table(
        api=WRITE,
        worker="SELECT (id, email, role, status, full_name, deleted_at)",
    ),
    "sessions": Table(
        api=WRITE,
        worker="SELECT (id, expires_at, revoked_at), DELETE",
    ),
    "login_addresses": Table(
        api="SELECT, INSERT, UPDATE (last_at), DELETE", worker="SELECT (last_at), DELETE"
    ),
    "refresh_tokens": Table(api=WRITE, worker="SELECT (session_id), DELETE"),
    "countries": Table(api=WRITE),
    # --- the ledger: balances are changed by settlement alone, postings by nobody; what the api
    # opens an account with, its postings must carry (migration 0023)
    "currencies": Table(api="SELECT, UPDATE (enabled)", worker=READ),
    "ledger_accounts": Table(api=READ, worker=READ),
    "accounts": Table(
        api=(
            "SELECT,"
            " INSERT (id, owner_id, account_number, iban, currency, status, nickname, is_primary,"
            "  balance_minor, created_at, closed_at, last_booked_at),"
            " UPDATE (status, nickname, is_primary, overdraft_limit_minor, closed_at)"
        ),
        worker="SELECT, UPDATE (balance_minor, last_booked_at)",
    ),
    "accounting_periods": Table(
        api="SELECT, INSERT (locked_through, locked_at, locked_by, reason),"
        " UPDATE (through_entry_no)",
        worker=READ,
    ),
    "bank_day": Table(api=READ, worker="SELECT, UPDATE (last_closed_on)"),
    "account_directory": Table(api=READ, worker=READ),  # a view: numbers and owners
    "postings": Table(api=ADD, worker=ADD),
    "booking_dates": Table(api=READ, worker=READ),  # a view: a transaction's accounting date
    "ledger_balance_snapshots": Table(api=READ, worker=ADD),
    # --- transactions: final states are settlement's, the api may hide a record
    "transactions": Table(
        api=(
            "SELECT,"
            " INSERT (id, type, status, amount_minor, currency, debit_account_id,"
            "  credit_account_id, contra_code, initiated_by, description, reference, payment_ref,"
            "  details, reverses, batch_id, request_id, created_at, settled_at),"
            " UPDATE (hidden_at)"
        ),
        worker=(
            "SELECT, INSERT,"
            " UPDATE (status, amount_minor, settled_at, failure_code, failure_reason, attempts)"
        ),
    ),
    "transaction_batches": Table(api="SELECT, INSERT, UPDATE (items, accepted)"),
    "idempotency_keys": Table(api="SELECT, INSERT, DELETE", worker="SELECT, DELETE"),
    "cashbacks": Table(worker=WRITE),
    # --- lending: staff's deeds book on a loan as the business day does
    "loan_products": Table(api=WRITE, worker=READ),
    "loans": Table(api=WRITE, worker="SELECT, UPDATE"),
    "loan_assessments": Table(api=ADD),
    "loan_instalments": Table(api=WRITE, worker=WRITE),
    "lending_day": Table(api=READ, worker="SELECT, UPDATE (accrued_through)"),
    "lending_accruals": Table(api=READ, worker=ADD),
    "loan_accruals": Table(api=ADD, worker=ADD),
    "loan_disclosures": Table(api=ADD),
    "loan_collections": Table(api=READ, worker="SELECT, INSERT, UPDATE"),
    "loan_charges": Table(api=READ, worker=ADD),
    "loan_events": Table(api=ADD, worker=ADD),
    "recovery_cases": Table(api=WRITE, worker=WRITE),
    "recovery_history": Table(api=ADD, worker=ADD),
    "business_day_runs": Table(api=ADD, worker=WRITE),
    "business_day_chunks": Table(api=READ, worker=WRITE),
    # --- what is told, and what is kept about the system's own work
    # (and forgotten when its time has come: what is written to people, and from where they came)
    "notifications": Table(api="SELECT, INSERT, DELETE", worker="SELECT, INSERT, DELETE"),
    "notification_reads": Table(
        api="SELECT, INSERT, DELETE", worker="SELECT (notification_id), DELETE"
    ),
    # --- four eyes: what was proposed stays, a decision is written once
    "approvals": Table(
        api=(
            "SELECT, INSERT,"
            " UPDATE (status, decided_by, decided_at, decision_id, reason, result, sealed)"
        ),
    ),
    "audit_log": Table(api=ADD, worker="INSERT"),
    "audit_origins": Table(api="SELECT, INSERT, DELETE", worker="SELECT (at), INSERT, DELETE"),
    "scheduler_ticks": Table(worker=WRITE),
    "scheduler_leadership": Table(worker="SELECT, UPDATE"),
    "failed_jobs": Table(api="SELECT, UPDATE (retried_at)", worker=ADD),
}

# Sequences that the code asks itself; those behind identity columns need no privilege. The auditor
# reads them all: a dump of the database needs it.
SEQUENCES: Final[dict[str, dict[DatabaseRole, str]]] = {
    "account_number_seq": {DatabaseRole.API: "USAGE"},
    "postings_entry_no_seq": {DatabaseRole.API: "SELECT"},  # to seal an accounting period
    "payment_ref_seq": {DatabaseRole.API: "USAGE"},
}

# Not even the owner may change or empty these without granting itself the privilege first, which
# `giro verify` then finds.
APPEND_ONLY: Final = (
    "postings",
    "audit_log",
    "loan_assessments",
    "loan_charges",
    "loan_disclosures",
    "loan_events",
    "loan_accruals",
    "lending_accruals",
    "recovery_history",
)
NEVER_ON_APPEND_ONLY: Final = ("UPDATE", "DELETE", "TRUNCATE")


def privileges(kind: str, name: str, role: DatabaseRole) -> str:
    """What ``role`` may do with an object of the database: nothing, unless a line here says so."""
    if kind == "DATABASE":
        return "CONNECT"
    if kind == "SCHEMA":
        return "USAGE"
    if kind == "SEQUENCE":
        return "SELECT" if role is DatabaseRole.AUDITOR else SEQUENCES.get(name, {}).get(role, "")
    return TABLES[name].of(role) if kind == "TABLE" and name in TABLES else ""
