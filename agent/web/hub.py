"""What viewers are sent: state twice a second, pictures up to ten times, one making for all of them.

Everything here runs on the event loop's thread; what blocks is handed to a worker thread. Without a
viewer nothing is asked, read or drawn.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from agent.errors import StoreFailed
from agent.web.catalogue.text import Language
from agent.web.link import Link
from agent.web.live import LiveFiles
from agent.web.results import Day, Diary
from agent.web.shown import Now, Seen, lane_names, lane_now

STATE_EVERY_S = 0.5
PICTURE_EVERY_S = 0.1
LEASE_EVERY_S = 1.0
TICK_EVERY_S = 1.0
FRESH_S = 0.4
MAX_VIEWERS = 32
DRAWN_WITHIN_US = 1_000_000


@dataclass(frozen=True, slots=True)
class View:
    """What one kind of viewer sees."""

    language: Language
    lane: str
    """One lane by name; empty: all of them."""


class Draw(Protocol):
    """Puts what is shown into a language. Pure and quick."""

    def state(self, view: View, now: Now) -> Mapping[str, str]:
        """Message key -> its JSON; a message is sent again only when it changed."""
        ...

    def part(self, view: View, seen: Seen) -> str:
        """JSON of the newest part of a lane."""
        ...

    def tick(self, view: View, age_ms: float) -> str:
        """JSON of the second that has passed; `age_ms` since the station was last looked at."""
        ...


class Viewer:
    """One browser's connection: a box that keeps the newest message of each key, so nothing queues up."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._box: dict[str, str] = {}
        self._wake = asyncio.Event()
        self._closed = False

    def post(self, key: str, data: str) -> None:
        """Put a message in; its key begins with the name of its event."""
        self._box.pop(key, None)
        self._box[key] = f"event: {key.partition(' ')[0]}\ndata: {data}\n\n"
        self._wake.set()

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    async def messages(self, tick: Callable[[View], str]) -> AsyncIterator[str]:
        """Server-sent events until closed; at least one a second, so that silence means a cut."""
        yield "retry: 1000\n\n"
        while not self._closed:
            yield f"event: tick\ndata: {tick(self.view)}\n\n"
            end = time.monotonic() + TICK_EVERY_S
            while not self._closed and (left := end - time.monotonic()) > 0:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), left)
                self._wake.clear()
                box, self._box = self._box, {}
                if box:
                    yield "".join(box.values())


class Hub:
    """Looks at the station for all viewers and posts them what changed."""

    def __init__(self, link: Link, live: LiveFiles, diary: Diary, draw: Draw, lanes: tuple[str, ...]) -> None:
        self.link = link
        self.live = live
        self._diary = diary
        self._draw = draw
        self._lanes = lanes
        self._viewers: set[Viewer] = set()
        self._state: dict[View, dict[str, str]] = {}
        self._parts: dict[str, Seen] = {}
        self._now: Now | None = None
        self._now_at = 0.0
        self._looking = asyncio.Lock()
        self._somebody = asyncio.Event()
        self._closed = False

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    def full(self) -> bool:
        return len(self._viewers) >= MAX_VIEWERS

    async def follow(self, view: View) -> AsyncGenerator[str, None]:
        """One viewer's messages, until it leaves or the process ends."""
        await self.now()
        if self._closed:
            return
        viewer = Viewer(view)
        for key, data in self._state.get(view, {}).items():
            viewer.post(key, data)
        for lane, seen in self._parts.items():
            if view.lane in ("", lane):
                viewer.post(f"part {lane}", self._draw.part(view, seen))
        self._viewers.add(viewer)
        self._somebody.set()
        try:
            async for message in viewer.messages(self._tick):
                yield message
        finally:
            self._viewers.discard(viewer)
            if not self._viewers:
                self._somebody.clear()
                self._state.clear()
                self._parts.clear()

    def _tick(self, view: View) -> str:
        """Says how old the state is: a look that hangs must not pass for a station where nothing changes."""
        return self._draw.tick(view, (time.monotonic() - self._now_at) * 1e3 if self._now else 0.0)

    def close(self) -> None:
        """Let all viewers go, so that the server can end."""
        self._closed = True
        for viewer in tuple(self._viewers):
            viewer.close()

    async def now(self) -> Now:
        """Everything the line view shows, at most FRESH_S old."""
        async with self._looking:
            if self._now is None or time.monotonic() - self._now_at > FRESH_S:
                self._now = await self._look()
                self._now_at = time.monotonic()
            return self._now

    async def _look(self) -> Now:
        heard = await self.link.heard()
        names = lane_names(self._lanes, heard, "")
        at = time.time_ns() // 1000
        day: Day | None = None
        trouble = ""
        try:
            day = await asyncio.to_thread(self._diary.look, names, at)
        except StoreFailed as error:
            trouble = str(error)
        live = {name: self.live.newest(name) if heard.link == "up" else None for name in names}
        lanes = tuple(lane_now(name, heard, day, live[name], at) for name in names)
        return Now(at_utc_us=at, heard=heard, lanes=lanes, day=day, trouble=trouble)

    async def run(self) -> None:
        """Everything that goes on while there are viewers; ends when cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._every(STATE_EVERY_S, self._post_state))
            tasks.create_task(self._every(PICTURE_EVERY_S, self._post_pictures))
            tasks.create_task(self._every(LEASE_EVERY_S, self.link.watch))

    async def _every(self, seconds: float, act: "Act") -> None:
        while True:
            await self._somebody.wait()
            began = time.monotonic()
            await act()
            await asyncio.sleep(max(seconds - (time.monotonic() - began), seconds / 10))

    async def _post_state(self) -> None:
        now = await self.now()
        for view in self._views():
            known = self._state.setdefault(view, {})
            for key, data in self._draw.state(view, now).items():
                if known.get(key) != data:
                    known[key] = data
                    self._post(view, key, data)
        if now.heard.link != "up":
            self._parts.clear()
        for lane in now.lanes:
            # A part without a drawn picture (broken, or nobody watched then) is shown from its row;
            # the drawing follows the commit by a moment, so a fresh row is waited for.
            seen = lane.newest
            if seen is not None and (seen.picture or now.at_utc_us - seen.captured_utc_us > DRAWN_WITHIN_US):
                self._post_part(seen)

    async def _post_pictures(self) -> None:
        now = self._now
        if now is None or now.heard.link != "up":
            return
        for lane in now.lanes:
            seen = self.live.newest(lane.name)
            if seen is not None:
                self._post_part(seen)

    def _post_part(self, seen: Seen) -> None:
        known = self._parts.get(seen.lane)
        if known is not None and (known.id > seen.id or (known.id == seen.id and (known.picture or not seen.picture))):
            return
        self._parts[seen.lane] = seen
        for view in self._views():
            if view.lane in ("", seen.lane):
                self._post(view, f"part {seen.lane}", self._draw.part(view, seen))

    def _views(self) -> set[View]:
        return {viewer.view for viewer in self._viewers}

    def _post(self, view: View, key: str, data: str) -> None:
        """A message's key begins with the name of its event."""
        for viewer in self._viewers:
            if viewer.view == view:
                viewer.post(key, data)


class Act(Protocol):
    async def __call__(self) -> None: ...
