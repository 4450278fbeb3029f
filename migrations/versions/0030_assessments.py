"""Each assessment is kept, with its inputs and the policy that judged; a rejection has reasons.

What was assessed before keeps its words; neither its inputs nor a policy were stored.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

DECLARED = ("household_income_minor", "household_obligations_minor", "documented_income_minor")
KEEP = """
INSERT INTO loan_assessments (id, loan_id, occasion, assessed_on, assessed_at, score, foir,
                              max_eligible_minor, recommendation, reasons)
SELECT gen_random_uuid(), id,
       CASE WHEN status IN ('pending', 'rejected', 'withdrawn') THEN 'application'
            ELSE 'approval' END,
       (assessment->>'assessed_on')::date,
       CASE WHEN status IN ('pending', 'rejected', 'withdrawn') THEN applied_at
            ELSE coalesce(decided_at, applied_at) END,
       (assessment->>'score')::smallint, (assessment->>'foir')::numeric,
       (assessment->>'max_eligible_minor')::bigint, assessment->>'recommendation',
       coalesce((SELECT jsonb_agg(jsonb_build_object('code', NULL, 'text', text, 'points', 0))
                 FROM jsonb_array_elements_text(assessment->'reasons') AS text), '[]')
FROM loans WHERE assessment IS NOT NULL
"""
GIVE_BACK = """
UPDATE loans SET assessment = jsonb_build_object(
  'score', a.score, 'foir', a.foir::text, 'max_eligible_minor', a.max_eligible_minor,
  'recommendation', a.recommendation, 'assessed_on', a.assessed_on::text,
  'reasons', coalesce((SELECT jsonb_agg(reason->>'text')
                       FROM jsonb_array_elements(a.reasons) AS reason), '[]'))
FROM (SELECT DISTINCT ON (loan_id) * FROM loan_assessments ORDER BY loan_id, assessed_at DESC) a
WHERE a.loan_id = loans.id
"""
APPEND_ONLY = """
CREATE TRIGGER loan_assessments_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
  ON loan_assessments FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    for column in DECLARED:
        op.add_column("loans", sa.Column(column, sa.BigInteger))
    op.add_column("loans", sa.Column("rejection_reasons", JSONB))
    op.create_check_constraint(
        op.f("ck_loans_rejection_reasons"),
        "loans",
        "rejection_reasons IS NULL OR status = 'rejected'"
        " AND jsonb_array_length(rejection_reasons) BETWEEN 1 AND 4",
    )
    op.create_table(
        "loan_assessments",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("loan_id", sa.Uuid, nullable=False),
        sa.Column("occasion", sa.Text, nullable=False),
        sa.Column("assessed_on", sa.Date, nullable=False),
        sa.Column("assessed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("policy_version", sa.Text),
        sa.Column("score", sa.SmallInteger, nullable=False),
        sa.Column("foir", sa.Numeric),
        sa.Column("max_eligible_minor", sa.BigInteger, nullable=False),
        sa.Column("recommendation", sa.Text, nullable=False),
        sa.Column("reasons", JSONB, nullable=False),
        sa.Column("inputs", JSONB),
        sa.PrimaryKeyConstraint("loan_id", "id", name="pk_loan_assessments"),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name="fk_loan_assessments_loan_id"),
        sa.CheckConstraint(
            "occasion IN ('application', 'change', 'approval', 'rejection')",
            name="ck_loan_assessments_occasion",
        ),
        sa.CheckConstraint("score BETWEEN 300 AND 900", name="ck_loan_assessments_score"),
        sa.CheckConstraint(
            "recommendation IN ('approve', 'refer', 'decline')",
            name="ck_loan_assessments_recommendation",
        ),
        sa.CheckConstraint(
            "(policy_version IS NULL) = (inputs IS NULL)", name="ck_loan_assessments_explained"
        ),
    )
    op.execute(KEEP)
    op.execute(APPEND_ONLY)
    op.drop_column("loans", "assessment")


def downgrade() -> None:
    op.add_column("loans", sa.Column("assessment", JSONB))
    op.execute(GIVE_BACK)
    op.drop_table("loan_assessments")
    op.drop_constraint(op.f("ck_loans_rejection_reasons"), "loans")
    op.drop_column("loans", "rejection_reasons")
    for column in reversed(DECLARED):
        op.drop_column("loans", column)
