"""How the fleet's page says ages, yields and the proof of sync in the viewer's language."""

from collections.abc import Sequence

from agent.web.speech import NOTHING, Speech
from fleet.store.values import Alarm, Box, Tally
from fleet.web.how import Seen

MINUTE_S = 60
DAY_US = 86_400_000_000


def age(speech: Speech, since_ms: int, now_us: int) -> str:
    """How long ago; under a minute it is now, so that a page that stands still does not flicker."""
    if not since_ms:
        return NOTHING
    seconds = now_us / 1e6 - since_ms / 1e3
    return speech.say("fleet.now") if seconds < MINUTE_S else speech.say("fleet.ago", age=speech.duration(seconds))


def clock(speech: Speech, at_ms: int, now_us: int) -> str:
    """Hour and minute of a moment; with its day where it is not today's."""
    at = speech.local(at_ms * 1000)
    if at.date() == speech.local(now_us).date():
        return f"{at:%H:%M}"
    return f"{speech.date(at_ms * 1000)} {at:%H:%M}"


def proof(speech: Speech, one: Seen, now_us: int) -> str:
    """The proof of sync, in a sentence."""
    sync = one.glance.sync
    upto = clock(speech, sync.complete_ms, now_us) if sync.complete_ms else NOTHING
    said = speech.say(f"proof.{one.proof}", upto=upto, n=speech.number(sync.missing))
    if one.proof == "missing" and sync.asked_us:
        return f"{said}{speech.say('proof.asked', age=speech.duration((now_us - sync.asked_us) / 1e6))}"
    return said


def trend(speech: Speech, hours: tuple[Tally, ...]) -> str:
    """A day's yields in words, for who cannot see them drawn."""
    known = [hour for hour in hours if hour.parts]
    if not known:
        return speech.say("fleet.trend.none")
    lowest = min(known, key=lambda hour: hour.ok / hour.parts)
    return speech.say(
        "fleet.trend",
        lowest=speech.share(lowest.ok, lowest.parts),
        newest=speech.share(known[-1].ok, known[-1].parts),
    )


def alarm(speech: Speech, standing: Alarm) -> str:
    """An alarm's name, and its lane where it is of one."""
    name = speech.named("alarm", standing.name)
    return f"{name} · {speech.say('lane.title', lane=standing.lane)}" if standing.lane else name


def spans(numbers: Sequence[int], most: int = 20) -> str:
    """Numbers in rising order as 3, 7–9; of more than `most` spans the first ones."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    said = [str(first) if first == last else f"{first}–{last}" for first, last in found[:most]]
    return ", ".join([*said, "…"] if len(found) > most else said)


def box_path(box: Box) -> str:
    """Where a box's own page is."""
    at = box.address
    return f"/sites/{at.site}/{at.line}/{at.station}" + (f"?box={box.number}" if box.number > 1 else "")
