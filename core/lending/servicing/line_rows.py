"""An instalment's row: read as a ``Line``, and written back, set-based."""

from collections.abc import Iterable

from asyncpg import Record

from core.foundation.database import Connection
from core.lending.servicing.allocation import Split
from core.lending.servicing.loan_book import Line, LoanBook

LINE_COLUMNS = """
loan_id, version, number, period_start, due_date, opening_minor, penalty_minor, fee_minor,
interest_minor, principal_minor, penalty_paid_minor, fee_paid_minor, interest_paid_minor,
principal_paid_minor, prepaid_minor, attempts, first_attempt_on, next_attempt_on, paid_on,
accrues_minor, late_interest_minor, late_to, late_carried, penal_to, penal_carried, late_fee_on,
fee_tax_minor, fee_levied_minor, fee_levied_tax_minor, fee_booked_on
"""
DUE_LINES = f"""
SELECT {LINE_COLUMNS} FROM loan_instalments
WHERE loan_id = ANY($1::uuid[]) AND superseded_at IS NULL AND paid_on IS NULL AND due_date <= $2
ORDER BY loan_id, number
"""  # noqa: S608 - columns of this file
ALL_LINES = f"""
SELECT {LINE_COLUMNS} FROM loan_instalments
WHERE loan_id = ANY($1::uuid[]) AND superseded_at IS NULL ORDER BY loan_id, number
"""  # noqa: S608 - columns of this file
_SUPERSEDE = """
UPDATE loan_instalments i SET superseded_at = clock_timestamp(), next_attempt_on = NULL
FROM unnest($1::uuid[], $2::int[], $3::int[]) AS s (loan_id, version, number)
WHERE i.loan_id = s.loan_id AND i.version = s.version AND i.number = s.number
"""
_WRITE_LINES = """
UPDATE loan_instalments i SET penalty_paid_minor = b.penalty, fee_paid_minor = b.fee,
  interest_paid_minor = b.interest, principal_paid_minor = b.principal,
  attempts = b.attempts, first_attempt_on = b.first_attempt_on,
  next_attempt_on = b.next_attempt_on, paid_on = b.paid_on
FROM unnest($1::uuid[], $2::int[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[],
            $7::bigint[], $8::int[], $9::date[], $10::date[], $11::date[])
  AS b (loan_id, version, number, penalty, fee, interest, principal, attempts, first_attempt_on,
        next_attempt_on, paid_on)
WHERE i.loan_id = b.loan_id AND i.version = b.version AND i.number = b.number
"""
# Of lines of which more changed than what was paid and attempted.
_RECHARGE_LINES = """
UPDATE loan_instalments i SET penalty_minor = b.penalty, fee_minor = b.fee,
  interest_minor = b.interest, principal_minor = b.principal,
  penalty_paid_minor = b.penalty_paid, fee_paid_minor = b.fee_paid,
  interest_paid_minor = b.interest_paid, principal_paid_minor = b.principal_paid,
  prepaid_minor = b.prepaid, attempts = b.attempts, first_attempt_on = b.first_attempt_on,
  next_attempt_on = b.next_attempt_on, paid_on = b.paid_on, accrues_minor = b.accrues,
  late_interest_minor = b.late_interest, late_to = b.late_to, late_carried = b.late_carried,
  penal_to = b.penal_to, penal_carried = b.penal_carried, late_fee_on = b.late_fee_on,
  fee_tax_minor = b.fee_tax, fee_levied_minor = b.fee_levied,
  fee_levied_tax_minor = b.fee_levied_tax, fee_booked_on = b.fee_booked_on
FROM unnest($1::uuid[], $2::int[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[],
            $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[],
            $13::int[], $14::date[], $15::date[], $16::date[], $17::bigint[], $18::bigint[],
            $19::date[], $20::numeric[], $21::date[], $22::numeric[], $23::date[],
            $24::bigint[], $25::bigint[], $26::bigint[], $27::date[])
  AS b (loan_id, version, number, penalty, fee, interest, principal, penalty_paid, fee_paid,
        interest_paid, principal_paid, prepaid, attempts, first_attempt_on, next_attempt_on,
        paid_on, accrues, late_interest, late_to, late_carried, penal_to, penal_carried,
        late_fee_on, fee_tax, fee_levied, fee_levied_tax, fee_booked_on)
WHERE i.loan_id = b.loan_id AND i.version = b.version AND i.number = b.number
"""
_INSERT_LINES = f"""
INSERT INTO loan_instalments ({LINE_COLUMNS})
SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::date[], $5::date[], $6::bigint[],
  $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[],
  $13::bigint[], $14::bigint[], $15::bigint[], $16::int[], $17::date[], $18::date[], $19::date[],
  $20::bigint[], $21::bigint[], $22::date[], $23::numeric[], $24::date[], $25::numeric[],
  $26::date[], $27::bigint[], $28::bigint[], $29::bigint[], $30::date[])
"""  # noqa: S608 - columns of this file


def line_of(row: Record) -> Line:
    """The line of a row that begins with LINE_COLUMNS."""
    _, version, number, start, due, opening, *amounts = row[:14]
    prepaid, attempts, first, following, paid_on, accrues = row[14:20]
    late_interest, late_to, late_carried, penal_to, penal_carried, late_fee_on = row[20:26]
    fees = row[26:30]
    asked, paid = Split(*amounts[:4]), Split(*amounts[4:])
    return Line(
        version,
        number,
        start,
        due,
        opening,
        asked,
        paid,
        prepaid,
        attempts,
        first,
        following,
        paid_on,
        accrues,
        late_interest,
        late_to,
        int(late_carried),
        penal_to,
        int(penal_carried),
        late_fee_on,
        *fees,
    )


async def write_lines(connection: Connection, books: Iterable[LoanBook]) -> None:
    """Write the lines that changed, were replaced or are new; they are clean then."""
    lines = [
        (book, line)
        for book in books
        for line in book.lines.values()
        if line.changed or line.recharged or line.is_new
    ]
    # Both orders matter: numbers are unique among lines that are not superseded.
    dropped = [(b.id, x.version, x.number) for b, x in lines if x.superseded and not x.is_new]
    kept = [
        (b.id, x.version, x.number, x.paid.penalty, x.paid.fee, x.paid.interest, x.paid.principal,
         x.attempts, x.first_attempt_on, x.next_attempt_on, x.paid_on)
        for b, x in lines if not x.is_new and not x.superseded and not x.recharged
    ]  # fmt: skip
    recharged = [
        (b.id, x.version, x.number, *_amounts(x), *_state(x))
        for b, x in lines if not x.is_new and not x.superseded and x.recharged
    ]  # fmt: skip
    fresh = [_line_row(b, x) for b, x in lines if x.is_new and not x.superseded]
    for statement, rows in (
        (_SUPERSEDE, dropped),
        (_RECHARGE_LINES, recharged),
        (_WRITE_LINES, kept),
        (_INSERT_LINES, fresh),
    ):
        if rows:
            await connection.execute(statement, *map(list, zip(*rows, strict=True)))
    for _, line in lines:
        line.changed = line.recharged = line.is_new = False


def _line_row(book: LoanBook, line: Line) -> tuple[object, ...]:
    return (
        book.id, line.version, line.number, line.period_start, line.due_date, line.opening,
        *_amounts(line), *_state(line),
    )  # fmt: skip


def _amounts(line: Line) -> tuple[object, ...]:
    asked, paid = line.asked, line.paid
    return (
        asked.penalty, asked.fee, asked.interest, asked.principal,
        paid.penalty, paid.fee, paid.interest, paid.principal,
    )  # fmt: skip


def _state(line: Line) -> tuple[object, ...]:
    return (
        line.prepaid, line.attempts, line.first_attempt_on, line.next_attempt_on, line.paid_on,
        line.accrues, line.late_interest, line.late_to, line.late_carried, line.penal_to,
        line.penal_carried, line.late_fee_on,
        line.fee_tax, line.fee_levied, line.fee_levied_tax, line.fee_booked_on,
    )  # fmt: skip
