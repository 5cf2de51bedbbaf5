"""A request's body, read only as far as it may be long."""

from fastapi import Request


async def read_body(request: Request, most: int) -> bytes | None:
    """The body; None for one longer than `most` bytes."""
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and (len(length) > 18 or int(length) > most):
        return None
    parts: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            return None
        parts.append(chunk)
    return b"".join(parts)
