"""Borrowers, an officer who decides, and the business days that follow one another."""

import datetime
from decimal import Decimal
from typing import Any

from tests.faults.caller import succeeded
from tests.faults.cast import Holder
from tests.faults.workload import SLOWEST_PACE_SECONDS, Workload


async def borrow(work: Workload) -> None:
    """Apply, have it approved and paid out, pay a part, pay the rest: loan after loan."""
    draw = work.draw("borrowers")
    while not work.over.is_set():
        await _one_loan(work, draw.choice(work.cast.borrowers), draw.randint(300, 3_000))
        await work.pause(draw.uniform(0, 2 * SLOWEST_PACE_SECONDS))


async def _one_loan(work: Workload, borrower: Holder, amount: int) -> None:
    caller, officer = borrower.caller, work.cast.officer
    body = {
        "amount": amount,
        "tenure_months": 12,
        "account_id": borrower.accounts[0],
        "monthly_income": 50_000,
    }
    applied = await caller.call("apply", "POST", "/loans/apply", body)
    if not succeeded(applied):
        await work.pause(SLOWEST_PACE_SECONDS)
        return
    loan = f"/loans/{applied.answer['loan_id']}"
    approved = await work.submit(
        officer,
        "approve",
        f"{loan}/approve",
        {"interest_rate": 12, "override_reason": "a regular customer"},
        mark=work.mark("loan"),
        keep=_disbursement,
        method="PUT",
    )
    for _ in range(20):
        seen = await caller.call("loan", "GET", loan, keep=_loan)
        if work.over.is_set() or not succeeded(approved):
            return
        if succeeded(seen) and seen.answer["loan_status"] == "active":
            break
        await work.pause(SLOWEST_PACE_SECONDS)
    part = {"amount": str(Decimal(amount) / 4), "mode": "prepay_reduce_tenure"}
    for payment in (part, {"mode": "foreclose"}):
        key = work.mark(caller.name)
        body = {**payment, "from_account": borrower.accounts[0]}
        await work.submit(caller, "pay", f"{loan}/pay", body, mark=f"key {key}", key=key)


async def close_days(work: Workload) -> None:
    """The admin has today's instalments collected, again and again: nothing is collected twice."""
    draw = work.draw("days")
    admin = work.cast.admin
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    while not work.over.is_set():
        body = {"business_date": today}
        run = await admin.call("close", "POST", "/admin/jobs/emi-collection", body)
        await work.pause(draw.uniform(0.5, 1.5))
        if succeeded(run):
            await admin.call("run", "GET", f"/admin/jobs/runs/{run.answer['run_id']}")


def _disbursement(answer: Any) -> Any:
    """An approval as a submission's answer: the disbursement is pending now."""
    return {"transaction_id": answer["transaction_id"], "status": "pending"}


def _loan(answer: Any) -> Any:
    return {"loan_status": answer["status"], "dpd": answer["dpd"]}
