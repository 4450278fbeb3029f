"""One client: calls as somebody, each recorded with its answer; patient or not, never raising."""

import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import httpx2

from tests.faults.history import Call, History, Outcome

# How long a client waits for an answer, beyond what it asked the bank to wait.
PATIENCE_SECONDS: Final = 3.0
Keep = Callable[[Any], Any]


def whole(answer: Any) -> Any:
    """Keep an answer as it came."""
    return answer


class Caller:
    """A person's device. Logs in again when its token is not taken any more."""

    def __init__(
        self,
        client: httpx2.AsyncClient,
        history: History,
        name: str,
        email: str,
        password: str,
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.name = name
        self.history = history
        self.email = email
        self.password = password
        self._client = client
        self._patience = patience
        self._token = ""

    async def call(
        self,
        deed: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        mark: str | None = None,
        wait: int | None = None,
        keep: Keep = whole,
    ) -> Call:
        """One request, recorded; what went wrong stands in the call."""
        headers = {"Authorization": f"Bearer {self._token}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        if wait is not None:
            headers["Prefer"] = f"wait={wait}"
        began = time.monotonic()
        status, code, answer, replayed = None, None, None, False
        try:
            response = await self._client.request(
                method, path, json=body, headers=headers, timeout=self._patience + (wait or 0)
            )
        except httpx2.HTTPError as error:
            code = type(error).__name__
        else:
            status, answer = response.status_code, _parsed(response)
            replayed = response.headers.get("idempotent-replayed") == "true"
            if status >= 400:
                code = answer.get("code", "") if isinstance(answer, dict) else ""
            elif isinstance(answer, dict):
                answer = keep(answer)
        call = Call(
            client=self.name,
            deed=deed,
            began=began,
            ended=time.monotonic(),
            method=method,
            path=path,
            body=body,
            key=key,
            mark=mark,
            status=status,
            code=code,
            answer=answer,
            replayed=replayed,
        )
        self.history.record(call)
        if status == 401:
            await self.log_in()
        return call

    async def log_in(self) -> bool:
        """A new token; False where none is to be had now."""
        credentials = {"email": self.email, "password": self.password}
        try:
            answer = await self._client.post(
                "/auth/login", json=credentials, timeout=self._patience
            )
        except httpx2.HTTPError:
            return False
        if answer.status_code != 200:
            return False
        self._token = answer.json()["access_token"]
        return True

    async def register(self) -> None:
        """Become a customer; raises RuntimeError where that fails (no fault is about yet)."""
        body = {"email": self.email, "password": self.password}
        answer = await self._client.post("/auth/register", json=body)
        if answer.status_code != 201 or not await self.log_in():
            raise RuntimeError(f"{self.email} could not register: {answer.text}")


def _parsed(response: httpx2.Response) -> Any:
    """The JSON of an answer, its numbers exact; None where there is none."""
    try:
        return json.loads(response.text, parse_float=Decimal) if response.content else None
    except ValueError:
        return None


def succeeded(call: Call) -> bool:
    """Whether the call was answered well."""
    return call.outcome is Outcome.ACCEPTED
