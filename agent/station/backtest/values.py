"""What a backtest is asked, and what it answers."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.station.backtest.chances import Estimate, McNemar
from agent.station.backtest.revisions import Rules
from agent.store.values import PartQuery, Review, StoredPart
from pipelines.values import Detection, Outcome, Reason


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is to be replayed."""

    query: PartQuery
    limit: int = 0
    """At most so many parts, the same number of each outcome as far as there are; 0: all."""
    lossy: bool = False
    """Judge the pictures with JPEG's losses too, apart from the others."""
    shown: int = 24
    """Pictures of each kind of change that are kept for the page."""
    seed: int = 1
    """Of the order in which parts are replayed."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """One part under the candidate: what is held of each."""

    id: int
    was: Outcome
    would_be: Outcome
    """The candidate's."""
    by_then: Outcome | None
    """The candidate's by the rules that judged the part then; None: they are not to be had."""
    share: float | None
    """Probability with which its picture was kept lossless; None: unknown, or it was not drawn."""
    lossless: bool
    audit: bool
    """It was drawn for the audit before anybody had judged it, with a known probability."""
    infer_ms: float
    comparable: bool
    """False where the part was UNSURE for what no other model changes: it came too late, it was interrupted, ..."""


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """A part that the candidate would have decided otherwise, with its picture."""

    part: StoredPart
    would_be: Outcome
    reasons: tuple[Reason, ...]
    """The candidate's."""
    detections: tuple[Detection, ...]
    """The candidate's."""
    jpeg: bytes
    """Made smaller, for people."""
    width_px: int
    """Of the part's picture, in whose px the boxes are."""
    height_px: int
    by_rules: bool = False
    """It changes sides by the recipe's rules, which are others now: by those of then it would not."""
    review: Review | None = None
    """What a person said about it."""

    @property
    def was(self) -> Outcome:
        return self.part.record.verdict.outcome


Kind = tuple[Outcome, bool]
"""What a part was, and whether the candidate would pass it."""


@dataclass(slots=True)
class Tally:
    """What has become of the parts so far. Changes while they are replayed."""

    tried: set[int] = field(default_factory=set)
    replayed: list[Replayed] = field(default_factory=list)
    gone: int = 0
    tampered: list[str] = field(default_factory=list)
    unreadable: int = 0
    rules: Counter[Rules] = field(default_factory=Counter)
    """How many of those replayed were judged by which revisions."""
    changes: dict[Kind, list[tuple[float, int, Change]]] = field(default_factory=dict)
    """(how much it says, part, change): a heap each."""
    took_s: float = 0.0
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Truth:
    """The reviewed parts among those replayed: what persons said they are, and which model says so too.

    Both by the same rules: those that judged the part then.
    """

    all: McNemar
    """Parts of the audit: drawn before anybody had judged them, with a known probability."""
    bad: McNemar
    """Those of the audit that a person found bad: who let them pass?"""
    good: McNemar
    """Those of the audit that a person found good: who rejected them?"""
    chosen: McNemar
    """Reviewed parts that were not drawn. They came before a person for what the active model had said of them, so
    they favour one of the models whatever both are worth: counted, and never tested."""
    waiting: int
    """Parts of the audit that nobody has reviewed yet."""
    other_rules: int
    """Reviewed parts left out, because the rules that judged them are not to be had."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """The model that was tried, and how it ran."""

    id: str
    digest: str
    device: str
    runtime: str
    recipes: tuple[str, ...]
    """Name@revision of each recipe that it judged by, with the candidate as its model."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Where the parts of the query went."""

    stored: Mapping[Outcome, int]
    """All judged parts, with a picture or without."""
    replayed: int
    left: int
    """Lossless pictures that were not replayed: the limit, or somebody ended it."""
    lossy: int
    """Kept with JPEG's losses: another verdict may be the losses', so they enter no estimate."""
    unknown_share: int
    """Kept for another reason than the draw, or before shares were noted: they stand for no other part."""
    gone: int
    """Removed by retention meanwhile."""
    tampered: tuple[str, ...]
    """Not what was judged, by their hash; named, and not used."""
    unreadable: int
    incomparable: int
    """UNSURE for what no other model changes."""


@dataclass(frozen=True, slots=True)
class Sides:
    """How many parts would change sides."""

    rejected: Estimate
    """OK parts that would not have passed."""
    passed: Estimate
    """NG parts that would have passed."""
    passed_unsure: Estimate
    """UNSURE parts that would have passed."""


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """The whole answer."""

    candidate: Candidate
    wishes: Wishes
    counts: Counts
    sides: Sides
    """By the candidate and the recipe that it judged by."""
    model_alone: Sides | None
    """By the candidate and the rules that judged each part then: what is the model's doing. None where these are the
    same rules for every part that was replayed."""
    rules: tuple[tuple[Rules, int], ...]
    """By which revisions the replayed parts were judged, and how many; the most first."""
    table: Mapping[tuple[Outcome, Outcome], int]
    """(was, would be) -> parts replayed, of those with a known share."""
    apart: Mapping[tuple[Outcome, Outcome], int]
    """The same of those that enter no estimate: lossy ones where asked for, and unknown shares."""
    truth: Truth
    changes: tuple[Change, ...]
    infer_p50_ms: float
    infer_p99_ms: float
    took_s: float
    interrupted: bool
