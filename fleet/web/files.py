"""Models' files: taken from a browser or a program as they come, given to stations that know their token."""

import asyncio
import hashlib
import os
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from agent.web.rest import PREFIX, REFUSALS
from agent.web.who import person
from fleet.rollout.okng import NoModel, model_of
from fleet.rollout.values import ModelFile
from fleet.store.rollouts import Rollouts
from fleet.web.desk import Desk

FOLDER = "models"
LEFT_S = 86_400.0
"""What an upload that broke off left goes after so long."""
RESERVE_BYTES = 500_000_000
"""So much of the disk is left to the database."""


class FileAnswer(BaseModel):
    """A model's file that was taken."""

    model_config = ConfigDict(frozen=True)

    id: int
    model: str
    """NAME-VERSION."""
    sha256: str
    bytes: int


class ModelFiles:
    """The routes; `router` has them all."""

    def __init__(self, desk: Desk, rollouts: Rollouts) -> None:
        self._desk = desk
        self._rollouts = rollouts
        self._folder = desk.config.fleet.data / FOLDER
        self._most = desk.config.rollout.cap_mb * 1_000_000
        self._busy = False
        self.router = APIRouter(responses=REFUSALS, tags=["models"])
        add = self.router.add_api_route
        add(f"{PREFIX}/models", self.take, methods=["POST"], status_code=201, response_model=FileAnswer)
        add("/files/{token}/{name}", self.give, methods=["GET", "HEAD"], include_in_schema=False)

    async def take(self, request: Request) -> FileAnswer:
        """A signed model (.okng) as the request's body. 409: another one is coming, 413, 422: no model, 507."""
        if self._busy:
            raise HTTPException(409, "another model is being uploaded: one at a time")
        self._busy = True
        token = secrets.token_urlsafe(32)
        part = self._folder / f"{token}.part"
        try:
            sha256, size = await self._load(request, part)
            model = await asyncio.to_thread(model_of, part)
            who, name = person(request), f"{model}.okng"
            await asyncio.to_thread(part.replace, self._file(token))
            now_us = time.time_ns() // 1000
            made = await asyncio.to_thread(self._rollouts.add_file, token, name, model, sha256, size, who.name, now_us)
            await asyncio.to_thread(self._desk.acts.note, who, "rollout.file", model, None, {"sha256": sha256})
        except NoModel as error:
            raise HTTPException(422, str(error)) from error
        except ClientDisconnect as error:
            raise HTTPException(400, "the upload was broken off") from error
        except OSError as error:
            raise HTTPException(507, f"{self._folder}: {error.strerror or error}") from error
        finally:
            self._busy = False
            part.unlink(missing_ok=True)
        return FileAnswer(id=made, model=model, sha256=sha256, bytes=size)

    def give(self, token: str, name: str) -> Response:
        """A file, or a range of it. Who knows the token may have it: stations have no log-in here."""
        known = self._rollouts.file(token) if len(token) < 100 and "\0" not in token else None
        if known is None or known.name != name or not self.there(known):
            raise HTTPException(404, "there is no such file")
        return FileResponse(self._file(token), media_type="application/octet-stream", filename=name)

    def there(self, file: ModelFile) -> bool:
        return self._file(file.token).is_file()

    def _file(self, token: str) -> Path:
        return self._folder / f"{token}.okng"

    async def _load(self, request: Request, part: Path) -> tuple[str, int]:
        """(sha256, bytes) of the body, which is in `part` then. Raises HTTPException, OSError, ClientDisconnect."""
        length = request.headers.get("content-length", "")
        expected = int(length) if length.isascii() and length.isdigit() and len(length) < 19 else 0
        await asyncio.to_thread(self._make_room, expected)
        digest, size = hashlib.sha256(), 0
        number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
        with os.fdopen(number, "wb") as stream:
            async for chunk in request.stream():
                size += len(chunk)
                if size > self._most:
                    raise self._too_large()
                digest.update(chunk)
                await asyncio.to_thread(stream.write, chunk)
            stream.flush()
            await asyncio.to_thread(os.fsync, stream.fileno())
        if not size:
            raise HTTPException(400, "the file is empty")
        return digest.hexdigest(), size

    def _make_room(self, expected: int) -> None:
        if expected > self._most:
            raise self._too_large()
        self._folder.mkdir(mode=0o750, exist_ok=True)
        for left in self._folder.glob("*.part"):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > LEFT_S:
                    left.unlink()
        free = shutil.disk_usage(self._folder).free - RESERVE_BYTES
        if expected > free:
            raise HTTPException(507, f"{expected / 1e6:.0f} MB have no room: {max(free, 0) / 1e6:.0f} MB are free")

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"at most {self._most // 1_000_000} MB are taken (rollout.cap_mb)")
