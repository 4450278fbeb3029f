"""From where a request comes: the peer's address, or the one that a trusted proxy reports.

Anybody may send ``X-Forwarded-For``. It is read only when the peer is one of ``TRUSTED_PROXIES``,
and then from its end, past further trusted proxies: what lies before was written by strangers.
"""

from ipaddress import IPv6Address, ip_address

from fastapi import FastAPI
from starlette.requests import Request
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from core.foundation.config import Settings


def install(app: FastAPI, settings: Settings) -> None:
    """Believe the proxies of ``settings``; without any, every request comes from its peer."""
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=settings.trusted_proxies)


def client_address(request: Request) -> str | None:
    """The client's address in its one spelling; None where there is none, or none that is one."""
    if request.client is None:
        return None
    try:
        address = ip_address(request.client.host)
    except ValueError:  # what a trusted proxy reported is no address
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)
