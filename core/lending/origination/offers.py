"""A loan that is applied for as an offer: what its disclosure is drawn up from."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from core.foundation.database import Connection, Reader
from core.foundation.errors import DisclosureNotKept, LoanNotFound, LoanStateConflict
from core.identity.names import names_of
from core.ledger.directory import find_accounts
from core.lending.amortisation import generate
from core.lending.disclosure import kept
from core.lending.disclosure.disclosures import Disclosure, disclose
from core.lending.disclosure.offer import Creditor, Offer, OfferedFee
from core.lending.origination.basis import Basis
from core.lending.origination.contingencies import contingencies_of, frequency_words
from core.lending.origination.fees import disbursal_fees
from core.lending.origination.products import ProductTerms, parse_terms
from core.lending.states import LoanStatus

_READ = """
SELECT l.id, l.user_id, l.account_id, l.status, l.currency, l.amount_minor, l.interest_rate,
       l.tenure_months, l.processing_fee_minor, l.terms::text AS terms, p.name AS product
FROM loans l JOIN loan_products p ON p.code = l.product_code
WHERE l.id = $1 AND l.deleted_at IS NULL AND ($2::uuid IS NULL OR l.user_id = $2)
"""
_NEVER_OFFERED = frozenset({LoanStatus.REJECTED, LoanStatus.WITHDRAWN})


class _Row(NamedTuple):
    id: UUID
    user_id: UUID
    account_id: UUID
    status: str
    currency: str
    amount_minor: int
    interest_rate: Decimal
    tenure_months: int
    fee_minor: int
    terms: str
    product: str


async def disclosure_of(
    reader: Reader, loan_id: UUID, *, owner_id: UUID | None, creditor: Creditor, today: date
) -> Disclosure:
    """What was disclosed with the agreement; while the loan is applied for, what would be today.

    Raises LoanNotFound, LoanStateConflict where the bank never agreed, and DisclosureNotKept for a
    loan of before disclosures were kept.
    """
    row = await _read(reader, loan_id, owner_id)
    given = await kept.newest(reader, loan_id)
    if given is not None:
        return given
    if row.status in _NEVER_OFFERED:
        raise LoanStateConflict(f"nothing is offered on a loan that is {row.status}")
    if row.status != LoanStatus.PENDING:
        raise DisclosureNotKept
    return disclose(await _offer(reader, row, creditor, today), given=False)


async def give(connection: Connection, loan_id: UUID, creditor: Creditor, on: date) -> None:
    """Keep what the borrower is told with the approval; the loan is locked, its terms written."""
    row = await _read(connection, loan_id, None)
    await kept.keep(connection, disclose(await _offer(connection, row, creditor, on), given=True))


async def _read(reader: Reader, loan_id: UUID, owner_id: UUID | None) -> _Row:
    row = await reader.fetchrow(_READ, loan_id, owner_id)
    if row is None:
        raise LoanNotFound
    return _Row(*row)


async def _offer(reader: Reader, row: _Row, creditor: Creditor, on: date) -> Offer:
    product = parse_terms(row.terms)
    count = product.instalments(row.tenure_months)
    basis = Basis(on, row.amount_minor, row.interest_rate, count)
    terms = basis.terms(product, row.currency, row.fee_minor)
    schedule = generate(terms)
    asked = sum(each.fee_minor for each in schedule.instalments)
    names = await names_of(reader, [row.user_id])
    (account,) = await find_accounts(reader, ids=[row.account_id], numbers=(), primary_of=())
    return Offer(
        creditor=creditor,
        loan_id=row.id,
        borrower=names[row.user_id],
        product=row.product,
        account_number=account.account_number,
        currency=row.currency,
        on=on,
        tenure_months=row.tenure_months,
        frequency=frequency_words(product.frequency),
        terms=terms,
        schedule=schedule,
        fees=tuple(_fees(product, row, asked)),
        contingencies=contingencies_of(product, row.currency),
        withdrawal_days=product.withdrawal_days,
    )


def _fees(product: ProductTerms, row: _Row, with_instalments: int) -> list[OfferedFee]:
    """What is withheld, by name, and what the instalments ask in all; taxes included."""
    once = "one-time, withheld from the disbursement"
    fees = [
        OfferedFee(each.name, once, each.fee.total_minor)
        for each in disbursal_fees(product, row.amount_minor, row.currency)
    ]
    if with_instalments:
        when = "recurring, with each instalment; in all"
        fees.append(OfferedFee("Fees of instalments", when, with_instalments))
    return fees
