"""A model as a file from a browser or a program: onto the disk as it comes, never into memory.

`uploads/` of the data folder is the page's own; the station is told the plain name, checks the file and takes a
copy of it. What an upload that broke off left goes with the next one.
"""

import asyncio
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from agent.config import Config
from agent.control import UPLOADS, ask
from agent.web.models.asking import PATIENCE_S

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.okng")
PART = ".part"


class Uploads:
    """One at a time."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._folder = config.station.data / UPLOADS
        self._most = config.uplink.update.cap_mb * 1_000_000
        self._busy = False

    async def take(self, request: Request, name: str) -> Path:
        """The body as a whole file. Raises HTTPException: 409, 413, 422, 507, 400 where it broke off."""
        if not NAME.fullmatch(name):
            raise HTTPException(422, f"name {name[:80]!r}: NAME-VERSION.okng is allowed")
        if self._busy:
            raise HTTPException(409, "another model is being uploaded: one at a time")
        self._busy = True
        try:
            return await self._take(request, name)
        finally:
            self._busy = False

    async def _take(self, request: Request, name: str) -> Path:
        length = request.headers.get("content-length", "")
        expected = int(length) if length.isascii() and length.isdigit() and len(length) < 19 else 0
        if expected > self._most:
            raise self._too_large()
        try:
            await asyncio.to_thread(self._make_room, expected)
            part = self._folder / f"{name}{PART}"
            number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise HTTPException(507, f"{self._folder}: {error.strerror}") from error
        try:
            with os.fdopen(number, "wb") as stream:
                os.fchmod(number, 0o640)  # the station's group reads it, whatever the umask
                size = 0
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > self._most:
                        raise self._too_large()
                    await asyncio.to_thread(stream.write, chunk)
            if not size:
                raise HTTPException(400, "the file is empty")
            file = self._folder / name
            part.replace(file)
            return file
        except OSError as error:
            raise HTTPException(507, f"{self._folder}: {error.strerror}") from error
        except ClientDisconnect as error:
            raise HTTPException(400, "the upload was broken off") from error
        finally:
            part.unlink(missing_ok=True)

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"at most {self._most // 1_000_000} MB are taken (uplink.update.cap_mb)")

    def _make_room(self, expected: int) -> None:
        """Raises OSError, HTTPException where there is none."""
        self._folder.mkdir(mode=0o750, exist_ok=True)
        for left in self._folder.iterdir():
            with suppress(OSError):
                left.unlink()
        free = shutil.disk_usage(self._folder).free - self._config.evidence.reserve_mb * 1_000_000
        # Once as it comes, once as the model that is made of it.
        if 2 * expected > free:
            room = f"{expected / 1e6:.0f} MB have no room twice: {max(free, 0) / 1e6:.0f} MB are free"
            raise HTTPException(507, f"{room} (evidence.reserve_mb is kept)")

    def import_(self, file: Path) -> Mapping[str, Any]:
        """Have the station take it in; the file goes, however that ends. Raises ControlFailed."""
        try:
            return ask(self._config.station.runtime, "model_import", PATIENCE_S, file=file.name, of=UPLOADS)
        finally:
            file.unlink(missing_ok=True)
