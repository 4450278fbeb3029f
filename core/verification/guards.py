"""What guards the books inside the database: triggers and their functions, as the migrations made
them, unchanged and switched on; and privileges, as the matrix has them, with no way around it.

Whoever changes a guard in a migration changes its fingerprint here; `tests/verification` says which
and to what.
"""

from collections.abc import Iterable
from typing import Final

from core.privileges import RUNTIME_ROLES
from core.verification.checks import Check

# The fingerprint of a function: its body, language, settings, and whether it acts as its owner.
FUNCTION_PRINT: Final = """
left(encode(sha256(convert_to(concat_ws(E'\\n', p.prosrc, l.lanname, p.prosecdef, p.proconfig),
                              'UTF8')), 'hex'), 32)
"""
# The fingerprint of a trigger: the statement that makes it.
TRIGGER_PRINT: Final = """
left(encode(sha256(convert_to(pg_get_triggerdef(t.oid, true), 'UTF8')), 'hex'), 32)
"""

FUNCTIONS: Final = {
    "accounts_must_open_posted": "53b3d38028fce8be947ee7cbd5720473",
    "approvals_stay_decided": "660daf3b1123ed348f405f6d3cacaae1",
    "postings_must_balance": "b430cdefdc3b41850b97634f6075a24e",
    "refuse_audit_change": "50ea5699f6b8cc6bd4d2da8c1dca4d47",
    "refuse_change": "8ba60ccbb79f0db6a1574716266a17a0",
    "transactions_parties_must_fit": "3a20c26978f1e165ec1edc88a3ef0e83",
    "transactions_stay_final": "f3818b2f50c43e0eff8222f8a0006ed5",
}
# By table and name.
TRIGGERS: Final = {
    (
        "accounting_periods",
        "accounting_periods_never_deleted",
    ): "3f09bb2f8e4e9f72446cb0bc89a9d682",
    (
        "accounts",
        "accounts_never_deleted",
    ): "483010f32ef318edc99a909270df0722",
    (
        "accounts",
        "accounts_opening_balance",
    ): "fa5ee7bf0e3c280ce58895777b55ca82",
    (
        "approvals",
        "approvals_decided_once",
    ): "7c4e80bfd1e0285686995b7ba32a01ca",
    (
        "approvals",
        "approvals_never_deleted",
    ): "704558bfbf48e51dc352cc4cf5ba8ca4",
    (
        "audit_log",
        "audit_log_append_only",
    ): "e87c67a065c57d4519e4cc9d0d62a6a7",
    (
        "lending_accruals",
        "lending_accruals_append_only",
    ): "ef1df00fba0233a34c2282f873360cbf",
    (
        "loan_accruals",
        "loan_accruals_append_only",
    ): "2baf3b8e22138cd830504c1af236f1d7",
    (
        "loan_assessments",
        "loan_assessments_append_only",
    ): "ec3128f23437f03e0e2239d41cf314c3",
    (
        "loan_charges",
        "loan_charges_append_only",
    ): "422f709dd6b2843e8254c36e9419e092",
    (
        "loan_collections",
        "loan_collections_never_deleted",
    ): "9d72fa57fa96e560931bd730ce70da8d",
    (
        "loan_disclosures",
        "loan_disclosures_append_only",
    ): "45e198c119ef21c4f754b8e25aca4eec",
    (
        "loan_events",
        "loan_events_append_only",
    ): "e35a88e697506e05f240ee9865c2525f",
    (
        "loan_instalments",
        "loan_instalments_never_deleted",
    ): "de9831a4e7387576b8b394efb17eaff7",
    (
        "loans",
        "loans_never_deleted",
    ): "c20b35e2eaf94b6bd8779f40972c6acc",
    (
        "postings",
        "postings_append_only",
    ): "e380c49ef19453da2518228e98a95e21",
    (
        "postings",
        "postings_balance",
    ): "b0b4295dace671bc4672be6d4798e915",
    (
        "recovery_history",
        "recovery_history_append_only",
    ): "8bf049b73e50915a3011835ae85421c6",
    (
        "transactions",
        "transactions_final",
    ): "3e5e9e6747b952c41d9ca7bc2950d732",
    (
        "transactions",
        "transactions_never_deleted",
    ): "b656bf0bdfbd3a1868df91a57eede2ca",
    (
        "transactions",
        "transactions_parties",
    ): "1b4fc9b103d3f61836dd142c012887a9",
}

_FINAL_STATES_TABLE: Final = "transactions"
_ROLES: Final = ", ".join(f"'{role}'" for role in RUNTIME_ROLES)


def _values(rows: Iterable[tuple[str, ...]]) -> str:
    return ", ".join("(" + ", ".join(f"'{field}'" for field in row) + ")" for row in rows)


def _triggers(*, of_transactions: bool) -> tuple[str, int]:
    rows = [
        (*key, print_)
        for key, print_ in TRIGGERS.items()
        if (key[0] == _FINAL_STATES_TABLE) == of_transactions
    ]
    return _values(rows), len(rows)


def _trigger_check(promise: int, name: str, *, of_transactions: bool) -> Check:
    wanted, count = _triggers(of_transactions=of_transactions)
    which = "=" if of_transactions else "<>"
    return Check(
        promise,
        name,
        f"SELECT {count}",
        f"""
        WITH wanted (on_table, name, print) AS (VALUES {wanted}), found AS (
          SELECT t.oid, c.relname AS on_table, t.tgname AS name, t.tgenabled AS enabled,
                 t.tgisinternal AS is_internal
          FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
          WHERE c.relnamespace = current_schema()::regnamespace
            AND c.relname {which} '{_FINAL_STATES_TABLE}'
        )
        SELECT CASE
                 WHEN t.oid IS NULL THEN format('trigger %s on %s is missing', w.name, w.on_table)
                 WHEN t.enabled NOT IN ('O', 'A')
                   THEN format('trigger %s on %s is switched off', t.name, t.on_table)
                 WHEN w.name IS NULL
                   THEN format('trigger %s on %s is none of ours', t.name, t.on_table)
                 ELSE format('trigger %s on %s is not the one that was made', t.name, t.on_table)
               END AS what
        FROM wanted w FULL JOIN found t ON t.on_table = w.on_table AND t.name = w.name
        WHERE t.oid IS NULL OR t.enabled NOT IN ('O', 'A')
           OR NOT t.is_internal AND w.print IS DISTINCT FROM {TRIGGER_PRINT}
        """,  # noqa: S608 - all of it is written above
    )


CHECKS: Final = (
    _trigger_check(
        4,
        "the database refuses to change a final state or to delete a transaction",
        of_transactions=True,
    ),
    _trigger_check(
        8,
        "the database refuses to change or delete a posting, an entry of the audit log, an account",
        of_transactions=False,
    ),
    Check(
        8,
        "what the triggers do is what the migrations wrote",
        f"SELECT {len(FUNCTIONS)}",
        f"""
        WITH wanted (name, print) AS (VALUES {_values(FUNCTIONS.items())}), found AS (
          SELECT p.proname AS name, {FUNCTION_PRINT} AS print
          FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
          WHERE p.pronamespace = current_schema()::regnamespace
        )
        SELECT format('function %s is %s', coalesce(w.name, f.name),
                      CASE WHEN f.name IS NULL THEN 'missing'
                           WHEN w.name IS NULL THEN 'none of ours'
                           ELSE 'not the one that was made' END) AS what
        FROM wanted w FULL JOIN found f ON f.name = w.name
        WHERE w.print IS DISTINCT FROM f.print
        """,  # noqa: S608 - all of it is written above
    ),
    Check(
        8,
        "no rule rewrites what is written to the books",
        "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
        " AND relkind IN ('r', 'p')",
        """
        SELECT format('rule %s on %s is none of ours', r.rulename, c.relname) AS what
        FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
        WHERE c.relnamespace = current_schema()::regnamespace AND r.ev_type <> '1'
        """,
    ),
    Check(
        8,
        "no program's role owns anything, belongs to another role or is above privileges",
        f"SELECT count(*) FROM pg_roles WHERE rolname IN ({_ROLES})",  # noqa: S608 - as below
        f"""
        SELECT format('%s is a superuser, or may make roles or databases, replicate, or see all '
                      'rows', rolname) AS what
        FROM pg_roles WHERE rolname IN ({_ROLES})
          AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)
        UNION ALL
        SELECT format('%s is a member of %s', member::regrole, roleid::regrole)
        FROM pg_auth_members WHERE pg_get_userbyid(member) IN ({_ROLES})
        UNION ALL
        SELECT format('%s owns %s objects of this database', rolname, count(*))
        FROM pg_shdepend JOIN pg_roles r ON r.oid = refobjid
        WHERE refclassid = 'pg_authid'::regclass AND deptype = 'o' AND rolname IN ({_ROLES})
          AND (dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
               OR classid = 'pg_database'::regclass
                  AND objid = (SELECT oid FROM pg_database WHERE datname = current_database()))
        GROUP BY rolname
        """,  # noqa: S608 - all of it is written above
    ),
)
