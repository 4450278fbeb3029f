"""The bank's loan products: reading them, and an admin's changes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asyncpg import Record
from pydantic import ValidationError

from core.foundation.database import Connection, Reader
from core.foundation.errors import Invalid, LoanProductNotFound
from core.lending.amortisation import TermsError
from core.lending.origination.products import ProductTerms, parse_terms

DEFAULT_PRODUCT = "standard"

_FIND = "SELECT code, name, enabled, terms::text AS terms FROM loan_products WHERE code = $1"
_LIST = """
SELECT code, name, enabled, terms::text AS terms FROM loan_products
WHERE $1::text IS NULL OR code > $1 ORDER BY code LIMIT $2
"""
_PUT = """
INSERT INTO loan_products (code, name, enabled, terms, updated_at)
VALUES ($1, $2, $3, $4, clock_timestamp())
ON CONFLICT (code) DO UPDATE SET name = excluded.name, enabled = excluded.enabled,
  terms = excluded.terms, updated_at = excluded.updated_at
"""


@dataclass(frozen=True, slots=True)
class Product:
    """A loan product; loans keep the terms they were made with."""

    code: str
    name: str
    enabled: bool
    terms: ProductTerms


async def find(connection: Connection, code: str | None) -> Product:
    """The enabled product of that code, or the standard one. Raises LoanProductNotFound."""
    row = await connection.fetchrow(_FIND, code or DEFAULT_PRODUCT)
    if row is None or not row["enabled"]:
        raise LoanProductNotFound
    return _product(row)


async def list_products(reader: Reader, *, after_code: str | None, limit: int) -> Sequence[Product]:
    """The products by code, after a code if one is given."""
    return [_product(row) for row in await reader.fetch(_LIST, after_code, limit)]


async def put(
    connection: Connection,
    code: str,
    changes: dict[str, Any],
    *,
    name: str | None = None,
    enabled: bool | None = None,
) -> Product:
    """Change a product's terms, or make a new one from the defaults. Raises Invalid."""
    row = await connection.fetchrow(_FIND + " FOR UPDATE", code)
    known = _product(row) if row is not None else Product(code, code, True, ProductTerms())
    product = Product(
        code=code,
        name=name if name is not None else known.name,
        enabled=known.enabled if enabled is None else enabled,
        terms=changed(known.terms, changes),
    )
    await connection.execute(_PUT, code, product.name, product.enabled, dump(product.terms))
    return product


def changed(terms: ProductTerms, changes: dict[str, Any]) -> ProductTerms:
    """The terms with ``changes``, checked as a whole. Raises Invalid with the fields at fault."""
    try:
        return ProductTerms.model_validate({**terms.model_dump(), **changes})
    except ValidationError as error:
        raise Invalid(
            "these product terms do not fit together",
            [
                {
                    "field": ".".join(map(str, each["loc"])) or "terms",
                    "message": each["msg"],
                    "code": each["type"],
                }
                for each in error.errors()
            ],
        ) from error
    except TermsError as error:
        raise Invalid(
            error.message,
            [{"field": error.field, "message": error.message, "code": "invalid_loan_terms"}],
        ) from error


def dump(terms: ProductTerms) -> str:
    """The terms as JSON text, amounts and rates as decimal strings."""
    return json.dumps(terms.model_dump(mode="json"))


def _product(row: Record) -> Product:
    return Product(row["code"], row["name"], row["enabled"], parse_terms(row["terms"]))
