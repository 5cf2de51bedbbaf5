"""What a notice says, in the channel's language."""

from dataclasses import dataclass

from agent.shifts import zone_of
from agent.web.speech import Speech
from fleet.config import FleetConfig
from fleet.store.outbox import Letter, Notice
from fleet.store.values import Box
from fleet.web.catalogue.areas import CATALOGUE
from fleet.web.words import box_path

MOST_LINES = 100
"""Notices told one by one; of more the rest is counted."""


@dataclass(frozen=True, slots=True)
class Wording:
    """Words of one centre in one language."""

    speech: Speech
    fleet: str
    """Its name; may be empty."""
    public_url: str
    """Empty: without links."""

    def subject(self, letter: Letter) -> str:
        """One line: the alarm, or how many there are."""
        if len(letter.notices) == 1:
            said = self.headline(letter.notices[0])
        else:
            stations = len({notice.box for notice in letter.notices})
            say = self.speech.say
            said = say("notice.many", n=str(len(letter.notices)), stations=str(stations))
        return f"{self.fleet}: {said}" if self.fleet else said

    def headline(self, notice: Notice) -> str:
        """Which alarm, where, and whether it began or ended."""
        name = self.speech.named("alarm", notice.alarm)
        where = str(notice.box)
        if notice.lane:
            where += f" · {self.speech.say('lane.title', lane=notice.lane)}"
        return self.speech.say(f"notice.{notice.turn}", alarm=name, where=where)

    def body(self, letter: Letter) -> str:
        """Plain text: a paragraph an alarm."""
        said = ["\n".join(self._paragraph(notice)) for notice in letter.notices[:MOST_LINES]]
        if len(letter.notices) > MOST_LINES:
            said.append(self.speech.say("notice.more", n=str(len(letter.notices) - MOST_LINES)))
        link = f"\n{self.public_url.rstrip('/')}/alarms" if self.public_url else ""
        return "\n\n".join([*said, f"-- \n{self.speech.say('notice.from', fleet=self.fleet or 'okng')}{link}"]) + "\n"

    def link(self, box: Box) -> str:
        """The station's page; empty where the pages' address is not known."""
        return f"{self.public_url.rstrip('/')}{box_path(box)}" if self.public_url else ""

    def _paragraph(self, notice: Notice) -> list[str]:
        lines = [self.headline(notice), self.speech.moment(notice.at_ms * 1000)]
        lines += [self.speech.because(notice.alarm, notice.detail)] * bool(notice.detail)
        if notice.again:
            lines.append(self.speech.say("notice.again", n=str(notice.again)))
        lines += [self.link(notice.box)] * bool(self.public_url)
        return lines


def wording_of(config: FleetConfig) -> Wording:
    """The configured one."""
    language = "en" if config.fleet.languages == "auto" else config.fleet.languages
    return Wording(
        Speech(language, zone_of(config.fleet.timezone), CATALOGUE), config.fleet.name, config.fleet.public_url
    )
