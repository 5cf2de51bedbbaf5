"""The line view in a viewer's language: the values of `shown`, drawn by the templates."""

import json
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from jinja2 import Environment

from agent.status import Alarm
from agent.store.values import Tally
from agent.web import drawing
from agent.web.hub import View
from agent.web.results import NO_PARTS, TAPE, added
from agent.web.shown import ICONS, TONES, VERDICT_TONES, LaneNow, Mode, Now, Seen
from agent.web.speech import Speech
from pipelines.values import Reason

REASONS_SHOWN = 4
LIVE_MODES = frozenset({Mode.RUNNING, Mode.IDLE})


@dataclass(frozen=True, slots=True)
class Banner:
    """What stands in the big panel."""

    tone: str
    icon: str
    word: str
    size: str
    """xl, l, m or s: how large the word can be set."""
    sub: str
    meta: str
    reasons: tuple[tuple[str, str], ...]
    """(what, why)."""


def size_of(word: str) -> str:
    """By the widest single word in em, for the panel breaks lines only between words."""
    widest = max((sum(_em(c) for c in part) for part in word.split()), default=0.0)
    return next((size for size, most in (("xl", 2.1), ("l", 4.4), ("m", 6.5)) if widest <= most), "s")


def _em(character: str) -> float:
    return 1.0 if unicodedata.east_asian_width(character) in "WF" else 0.72


def reasons_of(speech: Speech, reasons: tuple[Reason, ...]) -> tuple[tuple[str, str], ...]:
    """The first reasons in words; the last line says how many more there are."""
    shown = tuple((speech.what(r), speech.why(r)) for r in reasons[:REASONS_SHOWN])
    more = len(reasons) - len(shown)
    return (*shown, (f"+ {more}", "")) if more else shown


def boxes_of(speech: Speech, seen: Seen) -> tuple[drawing.Box, ...]:
    """The detections with their texts; those that are among the reasons are bad."""
    bad = {r.detection for r in seen.reasons}
    return tuple(
        drawing.Box(d, f"{speech.named('label', d.label)} {d.score:.2f}", place in bad)
        for place, d in enumerate(seen.detections)
    )


def verdict_banner(speech: Speech, seen: Seen) -> Banner:
    """A part's verdict."""
    word = speech.say(f"verdict.{seen.outcome}")
    tone = VERDICT_TONES[seen.outcome]
    return Banner(
        tone=tone,
        icon=tone,
        word=word,
        size=size_of(word),
        sub=speech.say(f"verdict.{seen.outcome}.sub"),
        meta=speech.say("part.number", id=seen.id),
        reasons=reasons_of(speech, seen.reasons),
    )


def mode_banner(speech: Speech, lane: LaneNow, now: Now) -> Banner:
    """Why there is no verdict to show, and what the last one was."""
    word, newest = speech.say(f"mode.{lane.mode}"), lane.newest
    last = ""
    if newest is not None:
        age = speech.duration((now.at_utc_us - newest.captured_utc_us) / 1e6)
        last = speech.say("part.last", word=speech.say(f"verdict.{newest.outcome}"), age=age)
    return Banner(
        tone=TONES[lane.mode],
        icon=ICONS[lane.mode],
        word=word,
        size=size_of(word),
        sub=speech.say(f"mode.{lane.mode}.sub"),
        meta=last,
        reasons=(("", lane.why),) if lane.why else (),
    )


def banner_of(speech: Speech, lane: LaneNow, now: Now) -> Banner:
    if lane.mode is Mode.RUNNING and lane.newest is not None:
        return verdict_banner(speech, lane.newest)
    return mode_banner(speech, lane, now)


def alarms_of(now: Now) -> tuple[Alarm, ...]:
    """The station's alarms, and what only the page can know."""
    standing = now.status.alarms if now.status else ()
    if now.trouble:
        standing = (*standing, Alarm(name="no_results", lane="", since_utc_us=now.at_utc_us, detail=now.trouble))
    return standing


@dataclass(frozen=True, slots=True)
class Whole:
    """All lanes together."""

    tally: Tally
    overridden: int
    parts_per_min: float | None
    """None where the station does not answer."""


def whole_of(now: Now) -> Whole:
    tally = NO_PARTS
    for lane in now.lanes:
        tally = added(tally, lane.tally)
    rate = sum(lane.parts_per_s for lane in now.status.lanes) * 60 if now.status else None
    return Whole(tally, sum(lane.overridden for lane in now.lanes), rate)


class Board:
    """Draws the line view; implements the hub's `Draw`."""

    def __init__(self, templates: Environment, zone: tzinfo, problem: str) -> None:
        self.templates = templates
        self.zone = zone
        self.problem = problem
        self._fragments = templates.get_template("fragments.html")

    def speech(self, view: View) -> Speech:
        return Speech(view.language, self.zone)

    def context(self, view: View, now: Now) -> dict[str, Any]:
        """What the line's templates are given."""
        speech = self.speech(view)
        lanes = tuple(lane for lane in now.lanes if view.lane in ("", lane.name)) or now.lanes
        return {
            "speech": speech,
            "t": speech.say,
            "now": now,
            "together": whole_of(now),
            "lanes": lanes,
            "standing": alarms_of(now),
            "failed": [part for part in (now.day.bad if now.day else ()) if view.lane in ("", part.record.origin.lane)],
            "banner": lambda lane: banner_of(speech, lane, now),
            "boxes": lambda seen: drawing.boxes(boxes_of(speech, seen), seen.width_px, seen.height_px),
            "reasons": lambda part: reasons_of(speech, part.record.verdict.reasons),
            "tape_room": TAPE,
            "problem": self.problem,
            "live_modes": LIVE_MODES,
            "single": len(lanes) == 1,
        }

    def state(self, view: View, now: Now) -> Mapping[str, str]:
        """Messages "fragment ID" and "lane NAME"; see `agent.web.hub.Draw`."""
        context = self.context(view, now)
        made = {"lanes": json.dumps([lane.name for lane in now.lanes])}
        module = self._fragments.make_module(context)
        for name in ("alarms", "bad") if context["single"] else ("alarms", "bad", "system", "whole"):
            made[f"fragment {name}"] = json.dumps({"id": name, "html": str(getattr(module, name)())})
        for lane in context["lanes"]:
            for name in ("figures", "tape"):
                html = str(getattr(module, name)(lane))
                made[f"fragment {name}-{lane.name}"] = json.dumps({"id": f"{name}-{lane.name}", "html": html})
            made[f"lane {lane.name}"] = json.dumps(self._lane(context["speech"], lane, now))
        return made

    def _lane(self, speech: Speech, lane: LaneNow, now: Now) -> Mapping[str, object]:
        banner = mode_banner(speech, lane, now)
        return {"lane": lane.name, "mode": lane.mode, **_said(banner)}

    def part(self, view: View, seen: Seen) -> str:
        speech = self.speech(view)
        return json.dumps(
            {
                "lane": seen.lane,
                "id": seen.id,
                **_said(verdict_banner(speech, seen)),
                "clock": speech.clock(seen.captured_utc_us),
                "picture": seen.picture,
                "width": seen.width_px,
                "height": seen.height_px,
                "overlay": str(drawing.boxes(boxes_of(speech, seen), seen.width_px, seen.height_px)),
                "alt": speech.say("picture.alt", id=seen.id),
                "age_ms": max(0, time.time_ns() // 1_000_000 - seen.captured_utc_us // 1000),
            }
        )

    def tick(self, view: View, age_ms: float) -> str:
        return json.dumps({"clock": self.speech(view).clock(time.time_ns() // 1000), "age_ms": round(age_ms)})


def _said(banner: Banner) -> Mapping[str, object]:
    return {
        "tone": banner.tone,
        "icon": banner.icon,
        "word": banner.word,
        "size": banner.size,
        "sub": banner.sub,
        "meta": banner.meta,
        "reasons": banner.reasons,
    }
