"""What is shown once and kept as a digest only: sessions' and programs' tokens, the set-up code."""

import hashlib
import secrets

TOKEN_PREFIX = "okng_"
"""So that a token that was lost is known for what it is."""
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_GROUPS, _GROUP = 3, 4


def new_token() -> str:
    """256 bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def new_code() -> str:
    """A set-up code, XXXX-XXXX-XXXX: 60 bits, none of 0 O 1 I, for it is typed off a screen."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))


def code_digest(typed: str) -> bytes:
    """A code's digest, however it was typed."""
    return digest("".join(c for c in typed.upper() if c in _LETTERS))


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
