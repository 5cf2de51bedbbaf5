"""DeepPCB through the station's own path: `okng evaluate`, at a threshold that the training split chose.

    python -m benchmarks.deeppcb threshold    # on the training split only: which threshold
    python -m benchmarks.deeppcb test         # on the test split, at that threshold
    python -m benchmarks.deeppcb one-defect   # and 3,140 boards with a single defect pasted in
    python -m benchmarks.deeppcb all          # everything that can be measured, for a bundle of one's own

    --model raw-int8 | raw-fp32 | nmsfree-int8    one of the given models, judged at THRESHOLD
    --bundle BUNDLE                               another one, judged at its own thresholds

Reads ../shared/data/deeppcb and ../shared/models/deeppcb (DeepPCB: the repository's licence is MIT, its
README says "You can only use this dataset for research purpose"); nothing of either is shipped.
UNSURE on a good part counts as an overkill; a bad part that is not OK is no escape. A reference-guided
model's good boards equal their reference: look at the repaired ones (docs/evaluation.md).
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from agent.station.models.bundle import Bundle, read_bundle
from benchmarks.given import DATA, given_bundle
from training.datasets.read import read_dataset
from training.datasets.values import Dataset
from training.evaluate import shown
from training.evaluate.command import as_json
from training.evaluate.eye import FLOOR, open_eye, plain_recipe
from training.evaluate.figures import Asked
from training.evaluate.page import page
from training.evaluate.run import evaluate
from training.evaluate.text import lines
from training.evaluate.values import Seen

THRESHOLD = 0.75
"""What `threshold` chose for raw-int8 on the 1,000 training pairs; fixed before the test split was touched."""


def _given(model: str, data: Dataset, folder: Path) -> Bundle:
    return given_bundle(model, folder, f"DeepPCB training pairs; {data.facts['licence']}")


def choose(bad: Sequence[Seen], good: Sequence[Seen]) -> None:
    """Errors at each threshold; the fewest errors win, the lower threshold at a draw (escapes weigh more)."""
    table = []
    for threshold in (round(0.3 + 0.05 * i, 2) for i in range(13)):
        escapes = sum(_top(one) < threshold for one in bad)
        overkills = sum(_top(one) >= threshold for one in good)
        table.append((escapes + overkills, threshold))
        print(f"threshold {threshold:.2f}: escapes {escapes}, overkills {overkills}")
    print(f"chosen {min(table)[1]:.2f}")


def _top(one: Seen) -> float:
    return max((d.score for d in one.found), default=0.0)


def threshold(bundle: Bundle, data: Dataset, limit: int) -> None:
    """Look at the training split's boards and templates, and print what each threshold would cost."""
    eye = open_eye(bundle, plain_recipe(bundle)).at(FLOOR)
    pictures = shown.chosen(data, "train", limit)
    bad = [eye.see(picture) for picture in shown.as_they_are(data, pictures)]
    choose(bad, [eye.see(picture) for picture in shown.golden(data, pictures)])


def asked(options: argparse.Namespace, bundle: Bundle) -> Asked:
    """What `okng evaluate` would be asked for."""
    every, guided = options.what == "all", bundle.facts.pipeline == "guided"
    plain = plain_recipe(bundle)
    return Asked(
        split="test",
        precision=options.precision,
        limit=options.limit,
        one_defect=every or options.what == "one-defect",
        perturb=every,
        wrong_reference=every and guided,
        against_difference=every,
        recipe=None if options.bundle else plain.model_copy(update={"threshold": THRESHOLD}),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("threshold", "test", "one-defect", "all"))
    parser.add_argument("--model", default="raw-int8", choices=("raw-int8", "raw-fp32", "nmsfree-int8"))
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--precision", default="", choices=("int8", "f16", "f32"))
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"{DATA} is not there: nothing can be measured")
    data = read_dataset(DATA, "deeppcb")
    with tempfile.TemporaryDirectory() as name:
        bundle = read_bundle(options.bundle) if options.bundle else _given(options.model, data, Path(name))
        if options.what == "threshold":
            threshold(bundle, data, options.limit)
            return
        done = evaluate(bundle, data, asked(options, bundle), lambda words: print(f"  {words}", file=sys.stderr))
        print("\n".join(lines(done.figures)))
        if options.json:
            options.json.write_text(json.dumps(as_json(done.figures), indent=1) + "\n")
        if options.page:
            options.page.write_text(page(done), "utf-8")


if __name__ == "__main__":
    main()
