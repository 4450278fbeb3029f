"""Three loans: quoted, applied for, assessed, approved, and paid out as transactions to poll."""

from decimal import Decimal

from rich.table import Table

from ops.demo.stage import Json, Stage, check

TITLE = "Loans: from quote to disbursement"
# Ben repays on time, Carla early, Dev not at all.
WISHES = (
    ("ben", Decimal(6000), 12, "kitchen"),
    ("carla", Decimal(2400), 24, "car"),
    ("dev", Decimal(1200), 12, "holiday"),
)
INCOME = Decimal(5200)
RATE = Decimal("11.5")


async def play(stage: Stage) -> None:
    """Quote, apply, assess, approve, disburse; and one application that is rejected."""
    await _quote(stage)
    table = Table("customer", "amount", "score", "recommendation", "EMI", "disbursed")
    for who, amount, months, purpose in WISHES:
        loan_id = await _apply(stage, who, amount, months, purpose)
        assessment = await stage.call("officer", "GET", f"/loans/{loan_id}/assessment")
        await _disburse(stage, who, loan_id, assessment)
        loan = await stage.call(who, "GET", f"/loans/{loan_id}")
        check(loan["status"] == "active", f"{who}'s loan is {loan['status']}")
        check(Decimal(loan["outstanding_principal"]) == amount, f"outstanding: {loan}")
        stage.loans[who] = loan_id
        table.add_row(
            who,
            stage.money(amount),
            str(assessment["score"]),
            assessment["recommendation"],
            stage.money(Decimal(loan["emi"])),
            "yes",
        )
    stage.console.print(table)
    stage.done("approved by an officer, paid out through the same settlement, now active")
    await _disclosed(stage)

    loan_id = await _apply(stage, "anna", Decimal(500), 6, "bicycle")
    await stage.call("anna", "PUT", f"/loans/{loan_id}/approve", {}, expect=403)
    rejected = await stage.call("officer", "PUT", f"/loans/{loan_id}/reject", {"reason": "no need"})
    check(rejected["status"] == "rejected", f"rejected as {rejected['status']}")
    await stage.call("officer", "PUT", f"/loans/{loan_id}/approve", {}, expect=409)
    stage.done("a customer cannot approve (403); what is rejected stays rejected (409)")
    told = (await stage.call("anna", "GET", f"/loans/{loan_id}"))["reasons"]
    check(1 <= len(told) <= 4, f"Anna is told {len(told)} reasons")
    stage.done("Anna is told why: " + ", ".join(reason["code"] for reason in told))


async def _quote(stage: Stage) -> None:
    _, amount, months, _ = WISHES[0]
    quote = await stage.call(
        None,
        "POST",
        "/loans/quote",
        {"amount": amount, "interest_rate": RATE, "tenure_months": months},
    )
    rows = quote["instalments"]
    table = Table("no.", "due", "opening", "principal", "interest", "total", "balance")
    for row in (*rows[:2], rows[-1]):
        names = ("opening_balance", "principal", "interest", "total", "balance")
        figures = (f"{Decimal(row[name]):,.2f}" for name in names)
        table.add_row(str(row["number"]), row["due_date"], *figures)
    stage.console.print(table)
    principal = sum(Decimal(row["principal"]) for row in rows)
    check(principal == amount, f"the principals sum to {principal}, not {amount}")
    check(len(rows) == months, f"{months} months in {len(rows)} instalments")
    stage.done(
        f"{stage.money(amount)} over {months} months at {RATE} %: EMI {quote['emi']}, "
        f"APR {quote['apr']} %, principals sum to the loan exactly"
    )


async def _disclosed(stage: Stage) -> None:
    """What Ben was told with the agreement: the box of Regulation Z."""
    path = f"/loans/{stage.loans['ben']}/disclosure?form=regz"
    told = await stage.call("ben", "GET", path)
    check(told["given_on"] is not None, "nothing was disclosed with the agreement")
    (box,) = told["document"]["sections"][0]["blocks"]
    table = Table(*(each["title"] for each in box["boxes"]))
    table.add_row(*(each["text"] for each in box["boxes"]))
    stage.console.print(table)
    stage.done(f"kept as it was told on {told['given_on']}; {told['ear']} % effective in Europe")


async def _apply(stage: Stage, who: str, amount: Decimal, months: int, purpose: str) -> str:
    body: Json = {
        "amount": amount,
        "tenure_months": months,
        "purpose": purpose,
        "account_id": stage.accounts[who],
        "monthly_income": INCOME,
    }
    answer = await stage.call(who, "POST", "/loans/apply", body, expect=201)
    check(answer["status"] == "pending", f"applied: {answer['status']}")
    loan_id: str = answer["loan_id"]
    return loan_id


async def _disburse(stage: Stage, who: str, loan_id: str, assessment: Json) -> None:
    body: Json = {"interest_rate": RATE}
    if assessment["recommendation"] == "decline":
        body["override_reason"] = "a demonstration lends to everybody"
    approved = await stage.call("officer", "PUT", f"/loans/{loan_id}/approve", body)
    check(approved["status"] == "approved", f"approved: {approved['status']}")
    stage.accepted.append(approved["transaction_id"])
    record = await stage.final(who, approved["transaction_id"])
    check(record["status"] == "success", f"the disbursement ended {record['failure_code']}")
