"""Assessments as they are kept: every one that was made, with its inputs and its policy's version.

Sources: 12 CFR 1002.12(b)(1) has a creditor keep what it used in evaluating an application for 25
months; here it is kept for good, and no program can change it.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import msgspec

from core.foundation.database import Connection, Reader
from core.foundation.ids import new_id
from core.lending.origination.assessment import Assessment, Inputs, Recommendation

_ADD = """
INSERT INTO loan_assessments (id, loan_id, occasion, assessed_on, assessed_at, policy_version,
  score, foir, max_eligible_minor, recommendation, reasons, inputs)
VALUES ($1, $2, $3, $4, clock_timestamp(), $5, $6, $7, $8, $9, $10, $11)
"""
_LATEST = """
SELECT l.currency, a.occasion, a.assessed_on, a.assessed_at, a.policy_version, a.score, a.foir,
       a.max_eligible_minor AS max_eligible_amount_minor, a.recommendation,
       a.reasons::text AS reasons, a.inputs::text AS inputs
FROM loan_assessments a JOIN loans l ON l.id = a.loan_id
WHERE a.loan_id = $1 AND l.deleted_at IS NULL
ORDER BY a.assessed_at DESC LIMIT 1
"""


class Occasion(StrEnum):
    """For what an application was assessed."""

    APPLICATION = "application"
    CHANGE = "change"
    APPROVAL = "approval"
    REJECTION = "rejection"


class KeptReason(msgspec.Struct, frozen=True):
    """A finding as it was kept; without a code before there were any."""

    code: str | None
    text: str
    points: int


@dataclass(frozen=True, slots=True)
class KeptAssessment:
    """The last assessment as it was made; amounts in minor units.

    ``inputs`` and ``policy_version`` are None for one of before they were kept.
    """

    currency: str
    occasion: Occasion
    assessed_on: date
    assessed_at: datetime
    policy_version: str | None
    score: int
    foir: Decimal | None
    max_eligible_amount_minor: int
    recommendation: Recommendation
    findings: tuple[KeptReason, ...]
    inputs: Inputs | None

    @property
    def reasons(self) -> list[str]:
        """Its findings in words alone."""
        return [finding.text for finding in self.findings]


async def keep(
    connection: Connection, loan_id: UUID, occasion: Occasion, made: Assessment, on: date
) -> None:
    """Keep an assessment that was made on business date ``on``."""
    await connection.execute(
        _ADD, new_id(), loan_id, occasion.value, on, made.policy_version, made.score, made.foir,
        made.max_eligible_minor, made.recommendation.value,
        msgspec.json.encode(made.reasons).decode(), msgspec.json.encode(made.inputs).decode(),
    )  # fmt: skip


async def find_latest(reader: Reader, loan_id: UUID) -> KeptAssessment | None:
    """The assessment that was made last, which decided where one has; None where there is none."""
    row = await reader.fetchrow(_LATEST, loan_id)
    if row is None:
        return None
    values = dict(row)
    findings, inputs = values.pop("reasons"), values.pop("inputs")
    occasion, advice = values.pop("occasion"), values.pop("recommendation")
    return KeptAssessment(
        occasion=Occasion(occasion),
        recommendation=Recommendation(advice),
        findings=tuple(msgspec.json.decode(findings, type=list[KeptReason])),
        inputs=None if inputs is None else msgspec.json.decode(inputs, type=Inputs),
        **values,
    )
