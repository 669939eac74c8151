"""What is wrong with a request, in OpenAI's form."""

from __future__ import annotations

from typing import Any

INVALID, MISSING, DENIED, BUSY, FAILED = (
    "invalid_request_error", "not_found_error", "authentication_error", "overloaded_error", "server_error",
)  # fmt: skip


class RequestError(Exception):
    """An answer instead of what was asked for."""

    def __init__(
        self, message: str, *, status: int = 400, kind: str = INVALID, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"error": {"message": message, "type": kind, "param": param, "code": code}}
