"""E-mail addresses: each has one spelling in which it is stored and compared."""

from typing import Final

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

MAX_CHARACTERS: Final = 254

# Whether mail can be delivered to an address is not ours to ask: an intranet's names will do, and
# so will those reserved for tests.
SPECIAL_USE_DOMAIN_NAMES.clear()


def canonical_email(text: str) -> str:
    """The spelling of the address that ``text`` is: lowercase, Unicode composed (NFC), its domain
    readable (IDNA, RFC 5891). Raises ValueError for what is no address."""
    stripped = text.strip()
    if len(stripped) > MAX_CHARACTERS:
        raise ValueError("the address is too long")
    try:
        checked = validate_email(stripped, check_deliverability=False)
    except EmailNotValidError as error:
        raise ValueError("not an address") from error
    if "." not in checked.domain:
        raise ValueError("the domain has one part only")
    return checked.normalized.lower()


def comparable_email(text: str) -> str:
    """The same for what somebody types at a login: what is no address is nobody's, but no error."""
    try:
        return canonical_email(text)
    except ValueError:
        return text.strip().lower()
