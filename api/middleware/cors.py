"""Cross-origin requests, from the configured origins alone."""

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from core.foundation.config import Settings

ALLOWED_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "Prefer", "X-Request-ID")
EXPOSED_HEADERS = (
    "Idempotent-Replayed", "Location", "Preference-Applied", "Retry-After", "X-Request-ID",
)  # fmt: skip
PREFLIGHT_CACHED_SECONDS = 600


def install(app: FastAPI, settings: Settings) -> None:
    """Answer browsers of ``settings.cors_origins``; without any, no other origin may read us."""
    if not settings.cors_origins:
        return
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=list(ALLOWED_HEADERS),
        expose_headers=list(EXPOSED_HEADERS),
        # Tokens travel in a header that scripts set, never in cookies.
        allow_credentials=False,
        max_age=PREFLIGHT_CACHED_SECONDS,
    )
