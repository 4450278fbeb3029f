"""Lending's tables.

Every promise about a loan stands here a second time, as a constraint: principal adds up, nothing
is overpaid, one attempt is collected once, one charge is made once.
"""

from sqlalchemy import (
    CHAR,
    TIMESTAMP,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from core.foundation.database import Base

INSTANT = TIMESTAMP(timezone=True)
ZERO = text("0")

UNPAID = (
    "principal_minor - principal_paid_minor + interest_minor - interest_paid_minor"
    " + fee_minor - fee_paid_minor + penalty_minor - penalty_paid_minor"
)


# What the bank lends on; ``terms`` is a ``products.ProductTerms``.
loan_products = Table(
    "loan_products",
    Base.metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("terms", JSONB, nullable=False),
    Column("updated_at", INSTANT, nullable=False, server_default=text("now()")),
    CheckConstraint("code ~ '^[a-z0-9][a-z0-9_-]{0,39}$'", name="code"),
)


# One loan, from application to its end, with the terms it was made with.
#
# ``period_*`` is the instalment period that accrues interest now. ``interest_accrued_minor`` is
# what was earned since disbursal, ``period_accrued_minor`` of this period included; what the period
# has earned beyond that follows from the day (``servicing/accrual``), and ``lending_day`` says
# through which day it is booked.
loans = Table(
    "loans",
    Base.metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id"), nullable=False),
    Column("account_id", Uuid, ForeignKey("accounts.id"), nullable=False),
    Column("product_code", Text, ForeignKey("loan_products.code"), nullable=False),
    Column("status", Text, server_default="pending", nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("interest_rate", Numeric(12, 6), nullable=False),
    Column("tenure_months", Integer, nullable=False),
    Column("terms", JSONB, nullable=False),
    Column("purpose", Text),
    Column("monthly_income_minor", BigInteger),
    Column("monthly_obligations_minor", BigInteger),
    Column("household_income_minor", BigInteger),
    Column("household_obligations_minor", BigInteger),
    Column("documented_income_minor", BigInteger),
    Column("processing_fee_minor", BigInteger, server_default=ZERO, nullable=False),
    Column("emi_minor", BigInteger, nullable=False),
    Column("monthly_emi_minor", BigInteger, nullable=False),
    Column("applied_at", INSTANT, nullable=False),
    Column("decided_at", INSTANT),
    Column("decided_by", Uuid),
    Column("rejection_reason", Text),
    # What the applicant is told, ``[{code, text}]``: at most four, the principal first.
    Column("rejection_reasons", JSONB),
    Column("disbursement_transaction_id", Uuid),
    Column("disbursement_failure", Text),
    Column("disbursed_at", INSTANT),
    Column("disbursed_on", Date),
    Column("closed_at", INSTANT),
    Column("deleted_at", INSTANT),
    Column("principal_disbursed_minor", BigInteger, server_default=ZERO, nullable=False),
    Column("principal_repaid_minor", BigInteger, server_default=ZERO, nullable=False),
    Column("principal_written_off_minor", BigInteger, server_default=ZERO, nullable=False),
    Column("principal_outstanding_minor", BigInteger, server_default=ZERO, nullable=False),
    Column("interest_accrued_minor", BigInteger, server_default=ZERO, nullable=False),
    Column("interest_paid_minor", BigInteger, server_default=ZERO, nullable=False),
    Column("written_off_minor", BigInteger, server_default=ZERO, nullable=False),
    Column("recovered_minor", BigInteger, server_default=ZERO, nullable=False),
    Column("schedule_version", SmallInteger, server_default=ZERO, nullable=False),
    Column("schedule_basis", JSONB),
    Column("period_start", Date),
    Column("period_end", Date),
    Column("period_interest_minor", BigInteger, server_default=ZERO, nullable=False),
    Column("period_accrued_minor", BigInteger, server_default=ZERO, nullable=False),
    Column("dpd", Integer, server_default=ZERO, nullable=False),
    Column("worst_dpd", Integer, server_default=ZERO, nullable=False),
    Column("classification", Text, server_default="standard", nullable=False),
    Column("in_default", Boolean, server_default=text("false"), nullable=False),
    Column("assessed_on", Date),
    # The last date whose close charged it for being late; ``assessed_on`` may be a day ahead.
    Column("charged_on", Date),
    # The due date of the oldest current instalment of which something is unpaid.
    Column("oldest_unpaid_on", Date),
    # Whether a day's interest depends on the length of its year.
    Column(
        "by_year",
        Boolean,
        Computed("coalesce(terms->>'day_count', '') = 'actual/actual'", persisted=True),
        nullable=False,
    ),
    Column("suspended_percent", SmallInteger, server_default=ZERO, nullable=False),
    Column("interest_suspended_minor", BigInteger, server_default=ZERO, nullable=False),
    Column("penalty_suspended_minor", BigInteger, server_default=ZERO, nullable=False),
    Column("overpaid_minor", BigInteger, server_default=ZERO, nullable=False),
    Column("restructured_count", SmallInteger, server_default=ZERO, nullable=False),
    Column("specified_until", Date),
    CheckConstraint(
        "status IN ('pending', 'rejected', 'withdrawn', 'approved', 'active', 'closed', "
        "'foreclosed', 'restructured', 'settled', 'written_off')",
        name="status",
    ),
    CheckConstraint(
        "rejection_reasons IS NULL OR status = 'rejected'"
        " AND jsonb_array_length(rejection_reasons) BETWEEN 1 AND 4",
        name="rejection_reasons",
    ),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("interest_rate BETWEEN 0 AND 1000", name="interest_rate"),
    CheckConstraint("tenure_months > 0", name="tenure"),
    CheckConstraint("processing_fee_minor BETWEEN 0 AND amount_minor - 1", name="fee"),
    CheckConstraint(
        "principal_outstanding_minor = principal_disbursed_minor - principal_repaid_minor"
        " - principal_written_off_minor",
        name="principal_adds_up",
    ),
    CheckConstraint(
        "principal_outstanding_minor >= 0 AND principal_repaid_minor >= 0"
        " AND principal_written_off_minor >= 0",
        name="principal_signs",
    ),
    CheckConstraint(
        "principal_disbursed_minor = CASE WHEN disbursed_at IS NULL THEN 0 ELSE amount_minor END",
        name="disbursed_once",
    ),
    CheckConstraint(
        "(status IN ('pending', 'rejected', 'withdrawn', 'approved')) = (disbursed_at IS NULL)",
        name="disbursed_at",
    ),
    CheckConstraint(
        "status NOT IN ('closed', 'foreclosed', 'settled', 'written_off')"
        " OR principal_outstanding_minor = 0",
        name="an_end_owes_nothing",
    ),
    CheckConstraint(
        "(status IN ('closed', 'foreclosed', 'settled', 'written_off')) = (closed_at IS NOT NULL)",
        name="closed_at",
    ),
    CheckConstraint(
        "classification IN ('standard', 'sma0', 'sma1', 'sma2', 'npa')", name="classification"
    ),
    CheckConstraint("dpd >= 0 AND worst_dpd >= dpd", name="dpd"),
    CheckConstraint("period_accrued_minor BETWEEN 0 AND period_interest_minor", name="accrued"),
    CheckConstraint(
        "deleted_at IS NULL OR status NOT IN ('active', 'restructured')", name="deleted_is_over"
    ),
    CheckConstraint(
        "suspended_percent BETWEEN 0 AND 100 AND interest_suspended_minor >= 0"
        " AND penalty_suspended_minor >= 0",
        name="suspended",
    ),
    CheckConstraint("overpaid_minor >= 0 AND restructured_count >= 0", name="counts"),
    Index("ix_loans_user", "user_id", "id"),
    Index("ix_loans_account", "account_id"),
    # By borrower alone. A date in it would change with each instalment, and every index of the loan
    # with that; the dates of a share's thousand loans are read faster than that is written.
    Index(
        "ix_loans_repaying",
        "user_id",
        postgresql_where=text("status IN ('active', 'restructured')"),
    ),
    Index(
        "ix_loans_flagged",
        "user_id",
        postgresql_where=text(
            "status IN ('active', 'restructured') AND (dpd > 0 OR classification <> 'standard')"
        ),
    ),
    postgresql_with={"fillfactor": "70"},
)


# How an application was assessed, each time that it was: append-only, so that every decision can be
# explained by what was known, and by the policy of that day. ``inputs`` is an ``assessment.Inputs``
# and ``reasons`` are ``reasons.Reason``; of what was assessed before there were versions, the words
# alone are known.
loan_assessments = Table(
    "loan_assessments",
    Base.metadata,
    Column("id", Uuid, nullable=False),
    Column("loan_id", Uuid, ForeignKey("loans.id"), nullable=False),
    Column("occasion", Text, nullable=False),
    Column("assessed_on", Date, nullable=False),
    Column("assessed_at", INSTANT, nullable=False),
    Column("policy_version", Text),
    Column("score", SmallInteger, nullable=False),
    Column("foir", Numeric),
    Column("max_eligible_minor", BigInteger, nullable=False),
    Column("recommendation", Text, nullable=False),
    Column("reasons", JSONB, nullable=False),
    Column("inputs", JSONB),
    PrimaryKeyConstraint("loan_id", "id"),
    CheckConstraint(
        "occasion IN ('application', 'change', 'approval', 'rejection')", name="occasion"
    ),
    CheckConstraint("score BETWEEN 300 AND 900", name="score"),
    CheckConstraint("recommendation IN ('approve', 'refer', 'decline')", name="recommendation"),
    CheckConstraint("(policy_version IS NULL) = (inputs IS NULL)", name="explained"),
)


# One instalment of one version of a loan's schedule.
#
# A prepayment or restructure supersedes what was not yet due and adds a version; nothing is
# deleted. The numbers of the rows that are not superseded run from 1.
loan_instalments = Table(
    "loan_instalments",
    Base.metadata,
    Column("loan_id", Uuid, ForeignKey("loans.id"), nullable=False),
    Column("version", SmallInteger, nullable=False),
    Column("number", SmallInteger, nullable=False),
    Column("period_start", Date, nullable=False),
    Column("due_date", Date, nullable=False),
    Column("opening_minor", BigInteger, nullable=False),
    Column("principal_minor", BigInteger, nullable=False),
    Column("interest_minor", BigInteger, nullable=False),
    # What its period earns, whenever that is asked for.
    Column("accrues_minor", BigInteger, nullable=False, server_default=ZERO),
    # Of the interest asked: what overdue principal has earned.
    Column("late_interest_minor", BigInteger, nullable=False, server_default=ZERO),
    Column("fee_minor", BigInteger, nullable=False, server_default=ZERO),
    # Of the fee: its tax; what staff charged by hand, and the tax of that. It is booked whole, when
    # it falls due or some of it is paid before.
    Column("fee_tax_minor", BigInteger, nullable=False, server_default=ZERO),
    Column("fee_levied_minor", BigInteger, nullable=False, server_default=ZERO),
    Column("fee_levied_tax_minor", BigInteger, nullable=False, server_default=ZERO),
    Column("fee_booked_on", Date),
    Column("penalty_minor", BigInteger, nullable=False, server_default=ZERO),
    Column("principal_paid_minor", BigInteger, nullable=False, server_default=ZERO),
    Column("interest_paid_minor", BigInteger, nullable=False, server_default=ZERO),
    Column("fee_paid_minor", BigInteger, nullable=False, server_default=ZERO),
    Column("penalty_paid_minor", BigInteger, nullable=False, server_default=ZERO),
    # Of principal and of what is paid of it: paid ahead of time, beside what the instalment asks.
    Column("prepaid_minor", BigInteger, nullable=False, server_default=ZERO),
    Column("unpaid_minor", BigInteger, Computed(UNPAID, persisted=True), nullable=False),
    Column("attempts", SmallInteger, nullable=False, server_default=ZERO),
    Column("first_attempt_on", Date),
    Column("next_attempt_on", Date),
    Column("penal_to", Date),
    # What was charged by the day so far, exactly: numerators over the rules' fixed denominators.
    Column("penal_carried", Numeric(40, 0), nullable=False, server_default=ZERO),
    Column("late_to", Date),
    Column("late_carried", Numeric(40, 0), nullable=False, server_default=ZERO),
    Column("late_fee_on", Date),
    Column("paid_on", Date),
    Column("superseded_at", INSTANT),
    PrimaryKeyConstraint("loan_id", "version", "number"),
    CheckConstraint("period_start < due_date", name="period"),
    *(
        CheckConstraint(
            f"{part}_paid_minor >= 0 AND {part}_paid_minor <= {part}_minor", name=f"{part}_paid"
        )
        for part in ("principal", "interest", "fee", "penalty")
    ),
    CheckConstraint("prepaid_minor >= 0 AND prepaid_minor <= principal_paid_minor", name="prepaid"),
    CheckConstraint(
        "accrues_minor >= 0 AND late_interest_minor BETWEEN 0 AND interest_minor", name="earns"
    ),
    CheckConstraint(
        "fee_tax_minor BETWEEN 0 AND fee_minor AND fee_levied_minor BETWEEN 0 AND fee_minor"
        " AND fee_levied_tax_minor BETWEEN 0 AND fee_levied_minor"
        " AND (superseded_at IS NOT NULL OR fee_booked_on IS NOT NULL OR fee_paid_minor = 0)",
        name="fees",
    ),
    CheckConstraint(
        "superseded_at IS NOT NULL OR (paid_on IS NOT NULL) = (unpaid_minor = 0)",
        name="paid_on",
    ),
    Index(
        "uq_loan_instalments_current",
        "loan_id",
        "number",
        unique=True,
        postgresql_where=text("superseded_at IS NULL"),
    ),
    Index(
        "ix_loan_instalments_unpaid",
        "loan_id",
        "due_date",
        postgresql_where=text("superseded_at IS NULL AND paid_on IS NULL"),
    ),
    postgresql_with={"fillfactor": "80"},
)


# The last business date whose interest is booked for all running loans; one row.
lending_day = Table(
    "lending_day",
    Base.metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("accrued_through", Date),
    CheckConstraint("id = 1", name="one_row"),
)


# What a business date booked as earned by all running loans of a currency, in one transaction:
# the days after ``since`` (null: from the beginning) through ``business_date``.
lending_accruals = Table(
    "lending_accruals",
    Base.metadata,
    Column("business_date", Date, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("since", Date),
    Column("earned_minor", BigInteger, nullable=False),
    Column("suspended_minor", BigInteger, nullable=False, server_default=ZERO),
    Column("transaction_id", Uuid, ForeignKey("transactions.id")),
    PrimaryKeyConstraint("business_date", "currency"),
    CheckConstraint("since < business_date", name="since"),
    CheckConstraint("suspended_minor BETWEEN 0 AND earned_minor", name="suspended"),
)


# A window of a loan's interest that has ended or was replaced: it was the loan's in the accruals of
# all loans through ``accrued_through``; ``own_minor`` was booked for this loan alone at its end (of
# a loan's first window: at its beginning, and there is none before it).
loan_accruals = Table(
    "loan_accruals",
    Base.metadata,
    Column("loan_id", Uuid, ForeignKey("loans.id"), nullable=False),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("period_start", Date),
    Column("period_end", Date),
    Column("period_interest_minor", BigInteger),
    Column("period_accrued_minor", BigInteger),
    Column("suspended_percent", SmallInteger, nullable=False, server_default=ZERO),
    Column("accrued_through", Date),
    Column("own_on", Date),
    Column("own_minor", BigInteger, nullable=False, server_default=ZERO),
    Column("transaction_id", Uuid, ForeignKey("transactions.id")),
    PrimaryKeyConstraint("loan_id", "id"),
    CheckConstraint(
        "num_nonnulls(period_start, period_end, period_interest_minor, period_accrued_minor)"
        " IN (0, 4) AND period_start <= period_end",
        name="period",
    ),
    CheckConstraint("(transaction_id IS NULL) = (own_minor = 0)", name="own"),
)


# One attempt to collect one instalment: at most one transaction, at most one a day.
loan_collections = Table(
    "loan_collections",
    Base.metadata,
    Column("loan_id", Uuid, nullable=False),
    Column("version", SmallInteger, nullable=False),
    Column("number", SmallInteger, nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    # No foreign key: it would be checked row by row where instalments come by the thousand, and it
    # is written together with its transaction. ``giro verify`` looks for one that has none.
    Column("transaction_id", Uuid, nullable=False, unique=True),
    Column("business_date", Date, nullable=False),
    Column("requested_minor", BigInteger, nullable=False),
    Column("collected_minor", BigInteger, nullable=False, server_default=ZERO),
    Column("status", Text, nullable=False, server_default="pending"),
    Column("failure_code", Text),
    Column("run_id", Uuid),
    PrimaryKeyConstraint("loan_id", "version", "number", "attempt"),
    ForeignKeyConstraint(
        ["loan_id", "version", "number"],
        ["loan_instalments.loan_id", "loan_instalments.version", "loan_instalments.number"],
        name="fk_loan_collections_instalment",
    ),
    UniqueConstraint("loan_id", "version", "number", "business_date"),
    CheckConstraint("attempt > 0", name="attempt"),
    CheckConstraint("status IN ('pending', 'success', 'partial', 'failed')", name="status"),
    CheckConstraint(
        "collected_minor BETWEEN 0 AND requested_minor AND requested_minor > 0", name="amounts"
    ),
    CheckConstraint("(status IN ('success', 'partial')) = (collected_minor > 0)", name="collected"),
    Index(
        "uq_loan_collections_pending",
        "loan_id",
        "version",
        "number",
        unique=True,
        postgresql_where=text("status = 'pending'"),
    ),
)


# What being late cost: the late fee once, penal charge and late interest once a day.
loan_charges = Table(
    "loan_charges",
    Base.metadata,
    Column("loan_id", Uuid, nullable=False),
    Column("version", SmallInteger, nullable=False),
    Column("number", SmallInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("business_date", Date, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("transaction_id", Uuid, ForeignKey("transactions.id"), nullable=False),
    PrimaryKeyConstraint("loan_id", "version", "number", "kind", "business_date"),
    ForeignKeyConstraint(
        ["loan_id", "version", "number"],
        ["loan_instalments.loan_id", "loan_instalments.version", "loan_instalments.number"],
        name="fk_loan_charges_instalment",
    ),
    CheckConstraint("kind IN ('late_fee', 'penal', 'late_interest')", name="kind"),
    CheckConstraint("amount_minor > 0", name="amount"),
    Index(
        "uq_loan_charges_late_fee",
        "loan_id",
        "version",
        "number",
        unique=True,
        postgresql_where=text("kind = 'late_fee'"),
    ),
)


# What a borrower was told of a loan when it was approved, in every form, word for word:
# ``content`` is a ``disclosure.disclosures.Disclosure``. A payout that is tried again on another
# day is told anew.
loan_disclosures = Table(
    "loan_disclosures",
    Base.metadata,
    Column("loan_id", Uuid, ForeignKey("loans.id"), nullable=False),
    Column("version", SmallInteger, nullable=False),
    Column("given_on", Date, nullable=False),
    Column("given_at", INSTANT, nullable=False),
    Column("content", JSONB, nullable=False),
    PrimaryKeyConstraint("loan_id", "version"),
)


# What happened to a loan that was paid out; see ``servicing.events``. What was collected stands in
# ``loan_collections`` alone. ``id`` is the transaction's where the event is one; an adjustment is
# two, whose right payment has an id of its own.
loan_events = Table(
    "loan_events",
    Base.metadata,
    Column("id", Uuid, nullable=False),
    Column("loan_id", Uuid, ForeignKey("loans.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("value_date", Date, nullable=False),
    Column("amount_minor", BigInteger, nullable=False, server_default=ZERO),
    Column("account_id", Uuid),
    Column("transaction_id", Uuid),
    Column("after_close", Boolean, nullable=False, server_default=text("false")),
    Column("undoes", Uuid),
    Column("replaces", Uuid),
    Column("particulars", JSONB),
    Column("actor_id", Uuid),
    Column("reason", Text),
    Column("booked_at", INSTANT, nullable=False),
    PrimaryKeyConstraint("loan_id", "id"),
    CheckConstraint(
        "kind IN ('disbursement', 'payment', 'set_off', 'settlement', 'restructuring', 'charge', "
        "'waiver', 'undoing', 'refund', 'write_off', 'recovery')",
        name="kind",
    ),
    CheckConstraint("amount_minor >= 0", name="amount"),
    CheckConstraint("(kind = 'undoing') = (undoes IS NOT NULL)", name="undoes"),
    Index(
        "uq_loan_events_undone_once",
        "loan_id",
        "undoes",
        unique=True,
        postgresql_where=text("undoes IS NOT NULL"),
    ),
)


# The recovery of one loan in default; a loan has at most one that is open.
recovery_cases = Table(
    "recovery_cases",
    Base.metadata,
    Column("id", Uuid, primary_key=True),
    Column("loan_id", Uuid, ForeignKey("loans.id"), nullable=False, index=True),
    Column("stage", Text, nullable=False),
    Column("stage_since", Date, nullable=False),
    Column("officer_id", Uuid, ForeignKey("users.id")),
    Column("opened_on", Date, nullable=False),
    Column("opened_at", INSTANT, nullable=False),
    Column("closed_at", INSTANT),
    CheckConstraint(
        "stage IN ('reminder', 'set_off', 'restructure', 'settlement', 'write_off', 'closed')",
        name="stage",
    ),
    CheckConstraint("(stage = 'closed') = (closed_at IS NOT NULL)", name="closed_at"),
    Index(
        "uq_recovery_cases_open",
        "loan_id",
        unique=True,
        postgresql_where=text("closed_at IS NULL"),
    ),
)


# One line of a case's history. ``actor_id`` is null where the bank's rules acted.
recovery_history = Table(
    "recovery_history",
    Base.metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("case_id", Uuid, ForeignKey("recovery_cases.id"), nullable=False, index=True),
    Column("at", INSTANT, nullable=False),
    Column("actor_id", Uuid),
    Column("action", Text, nullable=False),
    Column("detail", Text, nullable=False),
)
