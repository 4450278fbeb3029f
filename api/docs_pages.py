"""The pages that show the OpenAPI document, served without the internet.

Each comes with a Content-Security-Policy: nothing is loaded from elsewhere, and of the scripts that
stand in the page itself only the ones that stood there when it was made are run, by their hashes.
"""

import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

ASSETS: Final = "/static/docs"
_SCRIPT_IN_PAGE: Final = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)


def install(app: FastAPI) -> None:
    """Serve ``/docs`` and ``/redoc`` on ``app``."""
    app.mount(ASSETS, StaticFiles(directory=str(files("fastapi_offline") / "static")))
    router = APIRouter(include_in_schema=False)
    swagger = _guarded(
        get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=app.title,
            swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{ASSETS}/favicon.png",
            swagger_ui_parameters={"persistAuthorization": False, "docExpansion": "none"},
        )
    )
    redoc = _guarded(
        get_redoc_html(
            openapi_url="/openapi.json",
            title=app.title,
            redoc_js_url=f"{ASSETS}/redoc.standalone.js",
            redoc_favicon_url=f"{ASSETS}/favicon.png",
            with_google_fonts=False,
        )
    )

    @router.get("/docs")
    async def show_swagger() -> HTMLResponse:
        return swagger()

    @router.get("/redoc")
    async def show_redoc() -> HTMLResponse:
        return redoc()

    app.include_router(router)


def content_security_policy(page: str) -> str:
    """What ``page`` may load and run: our own files, and the scripts that stand in it."""
    hashes = [
        f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"
        for script in _SCRIPT_IN_PAGE.findall(page)
    ]
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src 'self'", *hashes]),
            # Both pages set styles as they go; a style cannot read what is typed.
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",  # ReDoc searches in one
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


def _guarded(made: HTMLResponse) -> Callable[[], HTMLResponse]:
    page = bytes(made.body).decode()
    headers = {"content-security-policy": content_security_policy(page)}
    return lambda: HTMLResponse(page, headers=headers)
