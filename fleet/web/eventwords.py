"""A station's event in the viewer's language."""

from agent.web.speech import Speech
from fleet.store.values import FleetEvent


def told(speech: Speech, event: FleetEvent) -> tuple[str, str]:
    """(what happened, the details); an alarm's event names the alarm."""
    detail = dict(event.detail)
    what = speech.named("event", event.name)
    if alarm := detail.pop("alarm", ""):
        what = f"{what}: {speech.named('alarm', str(alarm))}"
    said = [speech.say("lane.title", lane=event.lane)] if event.lane else []
    said += [f"{speech.named('detail', name)}: {value}" for name, value in detail.items() if value != ""]
    return what, " · ".join(said)
