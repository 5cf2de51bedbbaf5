"""Says things in the viewer's language: texts of the catalogue, numbers, times of the plant."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from agent.status import COMMANDS_OFF, NOBODY_LISTENS
from agent.web.catalogue.areas import CATALOGUES
from agent.web.catalogue.text import LANGUAGES, Language, Texts, joined
from pipelines.values import Reason, Rule

CATALOGUE: Texts = joined(CATALOGUES)
"""All that the station's page says."""
_BY_CODES = frozenset({"not_released"})
"""Alarms whose detail names reasons by their codes."""
_KNOWN = {NOBODY_LISTENS: "uplink.nobody_listens", COMMANDS_OFF: "uplink.commands_off"}
NOTHING = "–"
"""Shown where there is no value: never a zero that nobody measured."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SHARES = frozenset({Rule.SATURATED})
_SCORES = frozenset({Rule.DEFECT})


def preferred(wanted: str, accept: str) -> Language:
    """The language: what the viewer or the configuration chose, else the browser's first that we speak.

    `accept` is an Accept-Language header (RFC 9110, 12.5.4); its order of quality decides.
    """
    for language in LANGUAGES:
        if wanted == language:
            return language
    ranked: list[tuple[float, int, str]] = []
    for place, item in enumerate(accept[:500].split(",")):
        tag, _, quality = item.strip().partition(";")
        ranked.append((-_quality(quality), place, tag.strip().lower()[:2]))
    return next((known for _, _, tag in sorted(ranked) for known in LANGUAGES if known == tag), "en")


def _quality(text: str) -> float:
    name, _, value = text.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


@dataclass(frozen=True, slots=True)
class Speech:
    """One language and the plant's time zone."""

    language: Language
    zone: tzinfo
    texts: Texts = field(default_factory=lambda: CATALOGUE, repr=False, compare=False)
    """The program's catalogue."""

    @property
    def tag(self) -> str:
        """For the html element: it also picks the right shapes of Chinese characters."""
        return "zh-CN" if self.language == "zh" else "en"

    def say(self, key: str, **values: object) -> str:
        """The text of a key. Raises KeyError for a key that the catalogue does not have."""
        text = self.texts[key].of(self.language)
        return text.format(**values) if values else text

    def has(self, key: str) -> bool:
        return key in self.texts

    def named(self, kind: str, name: str) -> str:
        """A name that may be in the catalogue ("label", "alarm"); as it is where it is not."""
        text = self.texts.get(f"{kind}.{name}")
        return text.of(self.language) if text else name.replace("_", " ")

    def said(self, detail: str) -> str:
        """What a process said of itself: known parts in the viewer's language, the others as they are."""
        parts = (_KNOWN.get(part, "") for part in detail.split("; "))
        return " ".join(self.say(key) if key else part for key, part in zip(parts, detail.split("; "), strict=True))

    def because(self, alarm: str, detail: str) -> str:
        """Why an alarm stands; what the station says by codes is put into words."""
        if alarm not in _BY_CODES:
            return detail
        return ", ".join(self.named("shift.why", code) for code in detail.split(", ") if code)

    def number(self, value: float | None, digits: int = 0) -> str:
        """Both languages group by thousands with a comma and have a decimal point."""
        return NOTHING if value is None else f"{value:,.{digits}f}"

    def share(self, part: int, whole: int, digits: int = 1) -> str:
        """A percentage, cut and not rounded: 99.96 % must not read as 100 %."""
        if whole <= 0:
            return NOTHING
        if part == whole:
            return "100 %"
        scale = 10**digits
        return f"{part * 100 * scale // whole / scale:.{digits}f} %"

    def duration(self, seconds: float) -> str:
        """How long: the largest fitting unit."""
        if seconds < 1:
            return self.say("unit.s", n=f"{max(seconds, 0):.1f}")
        for key, span in (("unit.d", 86400), ("unit.h", 3600), ("unit.min", 60)):
            if seconds >= span * 2 or (key != "unit.d" and seconds >= span):
                return self.say(key, n=self.number(int(seconds // span)))
        return self.say("unit.s", n=self.number(int(seconds)))

    def size(self, megabytes: float) -> str:
        return f"{megabytes / 1000:,.1f} GB" if megabytes >= 1000 else f"{megabytes:,.0f} MB"

    def local(self, utc_us: int) -> datetime:
        """The plant's own time of a stored moment."""
        return datetime.fromtimestamp(utc_us / 1e6, UTC).astimezone(self.zone)

    def clock(self, utc_us: int) -> str:
        return f"{self.local(utc_us):%H:%M:%S}"

    def date(self, utc_us: int) -> str:
        at = self.local(utc_us)
        return (
            f"{at.year}年{at.month}月{at.day}日"
            if self.language == "zh"
            else f"{at.day} {_MONTHS[at.month - 1]} {at.year}"
        )

    def moment(self, utc_us: int) -> str:
        return f"{self.date(utc_us)} {self.clock(utc_us)}"

    def why(self, reason: Reason) -> str:
        """The figures of a reason in words; empty where nothing was measured."""
        if reason.measured is None or reason.limit is None:
            return reason.region
        values = {
            "measured": self.figure(reason.rule, reason.measured),
            "limit": self.figure(reason.rule, reason.limit),
        }
        text = self.say(f"rule.{reason.rule}.why", **values)
        return f"{text} ({reason.region})" if reason.region else text

    def what(self, reason: Reason) -> str:
        """What is wrong, in a word or two: the defect class, or the rule."""
        if not reason.label:
            return self.say(f"rule.{reason.rule}")
        label = self.named("label", reason.label)
        return f"{self.say('rule.missing')}: {label}" if reason.rule is Rule.MISSING else label

    def figure(self, rule: Rule, value: float | None) -> str:
        """A measured value or a limit, as this rule is measured."""
        if value is None:
            return NOTHING
        if rule in _SHARES:
            return f"{value * 100:.1f} %"
        return self.number(value, 2 if rule in _SCORES else 0)
