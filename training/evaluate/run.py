"""The measurement: a bundle on a split of a data set, through the station's own engine, look and rules."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from agent.errors import OkngError
from agent.station.models.bundle import Bundle
from agent.station.state import resident_mb
from pipelines.values import Outcome
from training.datasets.values import Dataset, Picture
from training.evaluate import authors, calls, coco, shown
from training.evaluate.calls import Against
from training.evaluate.chances import share
from training.evaluate.cost import cost, file_bytes, machine
from training.evaluate.defects import Defects, defects
from training.evaluate.eye import FLOOR, Eye, Shown, open_eye, plain_recipe
from training.evaluate.figures import SCHEMA, Asked, Detection, Evaluated, Evaluation, Perturbed
from training.evaluate.parts import Parts, parts
from training.evaluate.perturb import perturbed
from training.evaluate.traditional import ALIGNED, BARE, bare, settings, traditional_eye
from training.evaluate.values import Seen
from training.evaluate.wrong import WrongReference, wrong_references

EVERY = 50
"""Pictures between two words of progress."""
Progress = Callable[[str], None]


@dataclass(slots=True)
class _Bench:
    """What the steps share."""

    eye: Eye
    bundle: Bundle
    dataset: Dataset
    pictures: tuple[Picture, ...]
    asked: Asked
    say: Progress
    labels: tuple[str, ...]

    def see(self, what: str, pictures: Iterable[Shown], eye: Eye | None = None) -> list[Seen]:
        """Look at them all, and say how far it is."""
        seen: list[Seen] = []
        for picture in pictures:
            seen.append((eye or self.eye).see(picture))
            if len(seen) % EVERY == 0:
                self.say(f"{what}: {len(seen)}")
        self.say(f"{what}: {len(seen)} pictures")
        return seen


def evaluate(bundle: Bundle, dataset: Dataset, asked: Asked, say: Progress = lambda _: None) -> Evaluated:
    """Measure. Raises OkngError where the bundle, the data set and what was asked do not go together."""
    pictures = shown.chosen(dataset, asked.split, asked.limit)
    _check(bundle, dataset, pictures, asked)
    before = resident_mb()
    recipe = asked.recipe or plain_recipe(bundle)
    station = open_eye(bundle, recipe, precision=asked.precision, device=asked.device, threads=asked.threads)
    model_mb = round(resident_mb() - before, 1)
    bench = _Bench(station.at(FLOOR), bundle, dataset, pictures, asked, say, bundle.manifest.labels)
    known = [p for p in pictures if p.boxes or p.bad is False]
    seen = bench.see("the split", shown.as_they_are(dataset, known))
    answered = seen + bench.see("parts without boxes", shown.as_they_are(dataset, _boxless(pictures)))
    good = bench.see("references as good parts", shown.golden(dataset, pictures))
    bad_names = {dataset.name(p.file) for p in pictures if p.bad}
    bad = [one for one in answered if one.name in bad_names]
    good += [one for one in answered if one.name not in bad_names]
    found = defects(seen, bench.eye.thresholds, bench.labels)
    figures = Evaluation(
        schema=SCHEMA,
        utc=datetime.now(UTC).isoformat(timespec="seconds"),
        bundle=_about_bundle(bench),
        dataset=_about_dataset(bench),
        machine=machine(),
        detection=_detection(bench, seen, found),
        parts=parts(bad, good, bench.eye.thresholds),
        repaired=_repaired(bench, bad),
        one_defect=_one_defect(bench, good),
        perturbed=_perturbed(bench, seen),
        wrong_reference=_wrong_reference(bench),
        against=_against(bench, seen),
        cost=cost(station, shown.as_they_are(dataset, pictures), model_mb, asked.threads),
    )
    return Evaluated(
        replace(figures, machine=machine()),
        found,
        calls.curve(seen),
        escapes=tuple(one for one in bad if one.outcome is Outcome.OK),
        overkills=tuple(one for one in good if one.outcome is not Outcome.OK),
    )


def _boxless(pictures: Sequence[Picture]) -> list[Picture]:
    """Parts that are known to be bad, but not where."""
    return [p for p in pictures if p.bad and not p.boxes]


def _check(bundle: Bundle, dataset: Dataset, pictures: Sequence[Picture], asked: Asked) -> None:
    if any(p.boxes for p in pictures):
        coco.library()
    labels = bundle.manifest.labels
    there = sorted({box.label for p in pictures for box in p.boxes})
    if strange := [label for label in there if label not in labels]:
        near = {label: get_close_matches(label, labels, n=1) for label in strange}
        words = [f"{label!r}" + (f" (near {found[0]!r})" if found else "") for label, found in near.items()]
        raise OkngError(f"{bundle.id} has no label {', '.join(words)} of {dataset.root}; it has {', '.join(labels)}")
    lacking = [dataset.name(p.file) for p in pictures if p.reference is None]
    wants = [name for name in ("one_defect", "wrong_reference", "against_difference") if getattr(asked, name)]
    wants += ["a guided bundle"] if bundle.facts.pipeline == "guided" else []
    if lacking and wants:
        names = ", ".join(w.replace("_", "-") for w in wants)
        raise OkngError(f"{names}: needs a reference for each picture, {len(lacking)} have none, first {lacking[0]}")
    if asked.wrong_reference and bundle.facts.pipeline != "guided":
        raise OkngError(f"wrong-reference: {bundle.id} does not look at references (pipeline {bundle.facts.pipeline})")
    if all(p.bad is None for p in pictures):
        raise OkngError(f"{dataset.root}: nothing is known of any picture of split {asked.split!r}: no box, no verdict")


def _about_bundle(bench: _Bench) -> dict[str, Any]:
    bundle, eye = bench.bundle, bench.eye
    return {
        "id": bundle.id,
        "digest": bundle.digest,
        "pipeline": bundle.facts.pipeline,
        "head": bundle.manifest.head,
        "precision": bench.asked.precision or "the bundle's own",
        "graph": eye.graph.name if eye.graph is not None else "",
        "thresholds": {label: round(value, 6) for label, value in eye.thresholds.items()},
        "bytes": file_bytes(bundle),
    }


def _about_dataset(bench: _Bench) -> dict[str, Any]:
    return {
        "folder": bench.dataset.root.name,
        "kind": bench.dataset.kind,
        "split": bench.asked.split,
        "pictures": len(bench.pictures),
        "of": len(bench.dataset.of(bench.asked.split)),
        "groups": sorted({p.group for p in bench.pictures if p.group}),
        "licence": bench.dataset.facts.get("licence", ""),
    }


def _detection(bench: _Bench, seen: Sequence[Seen], found: Defects) -> Detection | None:
    count = sum(len(one.truth) for one in seen)
    if not count:
        return None
    return Detection(
        pictures=len(seen),
        defects=count,
        precision=coco.precision(seen, bench.labels),
        authors=authors.score(seen, bench.eye.thresholds),
        classes=found.classes,
        named=found.named,
    )


def _repaired(bench: _Bench, bad: Sequence[Seen]) -> Parts | None:
    good = bench.see("repaired parts", shown.repaired(bench.dataset, [p for p in bench.pictures if p.boxes]))
    return parts(bad, good, bench.eye.thresholds) if good else None


def _one_defect(bench: _Bench, good: Sequence[Seen]) -> Parts | None:
    if not bench.asked.one_defect:
        return None
    made = shown.one_defect(bench.dataset, bench.asked.split, bench.asked.limit)
    return parts(bench.see("one-defect parts", made), good, bench.eye.thresholds)


def _perturbed(bench: _Bench, seen: Sequence[Seen]) -> Perturbed | None:
    if not bench.asked.perturb:
        return None
    names = {one.name for one in seen}
    known = [p for p in bench.pictures if bench.dataset.name(p.file) in names]
    made = perturbed(shown.as_they_are(bench.dataset, known), bench.asked.seed)
    moved = bench.see("perturbed", made)
    before, after = coco.precision(seen, bench.labels), coco.precision(moved, bench.labels)
    return Perturbed(
        limits="±20 px, ±3°, ±3 % scale, ±30 % light",
        seed=bench.asked.seed,
        precision=after,
        lost_map50=_points(before.map50, after.map50),
        lost_map50_95=_points(before.map50_95, after.map50_95),
        outcomes={o.value: share(sum(m.outcome is o for m in moved), len(moved)) for o in Outcome},
    )


def _points(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else round(100 * (before - after), 3)


def _wrong_reference(bench: _Bench) -> WrongReference | None:
    if not bench.asked.wrong_reference:
        return None
    bench.say("wrong references")
    bad = [p for p in bench.pictures if p.boxes]
    return wrong_references(bench.eye, bench.dataset, bad, bench.asked.seed)


def _against(bench: _Bench, seen: Sequence[Seen]) -> tuple[Against, ...]:
    if not bench.asked.against_difference:
        return ()
    eye = traditional_eye()
    names = {one.name for one in seen}
    known = [p for p in bench.pictures if bench.dataset.name(p.file) in names]
    plain = list(bare(shown.as_they_are(bench.dataset, known)))
    aligned = bench.see("traditional method", shown.as_they_are(bench.dataset, known), eye)
    return (
        calls.against(seen, plain, BARE, settings(eye)),
        calls.against(seen, aligned, ALIGNED, settings(eye)),
    )
