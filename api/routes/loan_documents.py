"""What a borrower is given to keep: disclosures, statements, certificates, letters."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.dependencies import AnyCaller, Caller, Wired
from api.http.bodies import CLIENT_GONE, unless_gone
from api.http.negotiation import CSV, PDF, also_as, preferred, printed
from api.http.responses import JSON, reply
from api.http.strict_json import StrictRoute
from api.loans import bank_date, invalid, loan_id_of
from api.schemas.fields import IsoDate
from api.schemas.loan_documents import (
    CertificateAnswer,
    DisclosureAnswer,
    LoanStatementAnswer,
    NoDuesAnswer,
)
from api.services import Services
from core.documents.document import Document
from core.foundation.database import Reader
from core.lending.disclosure.disclosures import Form
from core.lending.disclosure.offer import Creditor
from core.lending.origination import offers
from core.reporting import loan_letters, loan_statement
from core.reporting.loan_entries import LoanEntry, entries_on
from core.reporting.loan_files import LoanOnFile, loan_on_file
from core.reporting.loan_interest import interest_earned

router = APIRouter(prefix="/loans", tags=["Loans"], route_class=StrictRoute)


@router.get("/{loan_id}/disclosure", response_model=DisclosureAnswer, responses=also_as(PDF))
async def show_disclosure(
    request: Request,
    loan_id: str,
    caller: AnyCaller,
    services: Wired,
    form: Annotated[Form, Query(description="The RBI's, the European Union's, Regulation Z's")],
) -> Response:
    """What the borrower is told of the loan: as it was given with the approval, word for word;
    before that as it would be today."""
    async with services.database.read() as reader:
        found = await offers.disclosure_of(
            reader,
            loan_id_of(loan_id),
            owner_id=caller.scope,
            creditor=Creditor.of(services.settings),
            today=await bank_date(services, reader),
        )
    if preferred(request, (JSON, PDF)) == PDF:
        return await _print(request, services, caller, found.forms[form], f"{form}-{loan_id}")
    return reply(DisclosureAnswer.made_of(found, form))


@router.get("/{loan_id}/statement", response_model=LoanStatementAnswer, responses=also_as(CSV, PDF))
async def show_statement(
    request: Request,
    loan_id: str,
    caller: AnyCaller,
    services: Wired,
    since: Annotated[
        IsoDate | None, Query(alias="from", description="The disbursement's day if left out")
    ] = None,
    until: Annotated[IsoDate | None, Query(alias="to", description="Today if left out")] = None,
) -> Response:
    """Everything that was booked on the loan between two accounting dates, both included."""
    async with _listing(services, caller) as reader:
        loan, entries, today = await _booked(services, reader, loan_id, caller)
        earned = await interest_earned(reader, loan, entries)
    first, last = since or loan.disbursed_on, until or today
    if last < first:
        raise invalid("to", "lies before from")
    bank = services.settings.bank_name
    found = loan_statement.statement(loan, entries, earned, bank=bank, since=first, until=last)
    kind = preferred(request, (JSON, CSV, PDF))
    if kind == CSV:
        return printed(loan_statement.as_csv(found), CSV, f"statement-{loan_id}.csv")
    if kind == PDF:
        document = loan_statement.as_document(found)
        return await _print(request, services, caller, document, f"statement-{loan_id}")
    return reply(LoanStatementAnswer.made_of(found))


@router.get(
    "/{loan_id}/certificate/{year}", response_model=CertificateAnswer, responses=also_as(PDF)
)
async def show_certificate(
    request: Request,
    loan_id: str,
    year: Annotated[int, Path(ge=1970, le=9998)],
    caller: AnyCaller,
    services: Wired,
    year_start: Annotated[
        str, Query(pattern="^(0[1-9]|1[0-2])$", description="The month in which the year begins")
    ] = "01",
) -> Response:
    """The principal, the interest and the charges that were paid in a year."""
    async with _listing(services, caller) as reader:
        loan, entries, today = await _booked(services, reader, loan_id, caller)
    since, until = loan_letters.year_of(year, int(year_start))
    bank = services.settings.bank_name
    found = loan_letters.certificate(loan, entries, bank=bank, since=since, until=until)
    if preferred(request, (JSON, PDF)) == PDF:
        document = loan_letters.certificate_document(found, today)
        return await _print(request, services, caller, document, f"certificate-{loan_id}-{year}")
    return reply(CertificateAnswer.of(found))


@router.get("/{loan_id}/no-dues", response_model=NoDuesAnswer, responses=also_as(PDF))
async def show_no_dues(
    request: Request, loan_id: str, caller: AnyCaller, services: Wired
) -> Response:
    """The letter that nothing is owed on the loan any more; 409 while something is."""
    async with services.database.read() as reader:
        loan = await _on_file(reader, loan_id, caller)
        today = await bank_date(services, reader)
    bank = services.settings.bank_name
    document = loan_letters.no_dues_document(loan, bank=bank, issued_on=today)
    if preferred(request, (JSON, PDF)) == PDF:
        return await _print(request, services, caller, document, f"no-dues-{loan_id}")
    return reply(NoDuesAnswer.of(loan, issued_on=today))


@asynccontextmanager
async def _listing(services: Services, caller: Caller) -> AsyncIterator[Reader]:
    """A reader in the listings' turn."""
    async with services.listing_turns.turn(caller.user_id), services.listings.read() as reader:
        yield reader


async def _booked(
    services: Services, reader: Reader, loan_id: str, caller: Caller
) -> tuple[LoanOnFile, list[LoanEntry], date]:
    """The loan, everything booked on it, and the bank's date."""
    loan = await _on_file(reader, loan_id, caller)
    return loan, await entries_on(reader, loan), await bank_date(services, reader)


async def _on_file(reader: Reader, loan_id: str, caller: Caller) -> LoanOnFile:
    return await loan_on_file(reader, loan_id_of(loan_id), owner_id=caller.scope)


async def _print(
    request: Request, services: Services, caller: Caller, document: Document, name: str
) -> Response:
    """The document as PDF, unless the client has hung up."""
    content = await unless_gone(request, services.press.print(document, str(caller.user_id)))
    if content is None:
        return Response(status_code=CLIENT_GONE)
    return printed(content, PDF, f"{name}.pdf")
