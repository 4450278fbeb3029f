"""What a borrower is given to keep: disclosures, statements, certificates, letters."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.dependencies import AnyCaller, Caller, Wired
from api.http.bodies import CLIENT_GONE, unless_gone
from api.http.negotiation import PDF, also_as, preferred, printed
from api.http.responses import JSON, reply
from api.http.strict_json import StrictRoute
from api.loans import bank_date, loan_id_of
from api.schemas.loan_documents import DisclosureAnswer
from api.services import Services
from core.documents.document import Document
from core.lending.disclosure.disclosures import Form
from core.lending.disclosure.offer import Creditor
from core.lending.origination import offers

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


async def _print(
    request: Request, services: Services, caller: Caller, document: Document, name: str
) -> Response:
    """The document as PDF, unless the client has hung up."""
    content = await unless_gone(request, services.press.print(document, str(caller.user_id)))
    if content is None:
        return Response(status_code=CLIENT_GONE)
    return printed(content, PDF, f"{name}.pdf")
