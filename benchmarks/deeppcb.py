"""DeepPCB through the station's own path: `okng judge` over real boards, verdicts held against the truth.

    python -m benchmarks.deeppcb threshold    # on the training split only: which threshold
    python -m benchmarks.deeppcb test         # on the test split, at that threshold
    python -m benchmarks.deeppcb one-defect   # 3,140 boards with a single defect pasted in

Reads ../shared/data/deeppcb and ../shared/models/deeppcb (DeepPCB: the repository's licence is MIT, its
README says "You can only use this dataset for research purpose"); nothing of either is shipped.
UNSURE on a good part counts as an overkill; a bad part that is not OK is no escape.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "deeppcb"
MODELS = ROOT.parent / "shared" / "models" / "deeppcb"
LABELS = ("open", "short", "mousebite", "spur", "copper", "pin-hole")
THRESHOLD = 0.75
"""What `threshold` chose on the 1,000 training pairs; fixed before the test split was touched."""
MARGIN_PX = 4
"""Pasted round a defect's box, so that its edge is the test picture's own."""
CHUNK = 500

RECIPE = """\
name = "deeppcb"
model = "{model}"
threshold = {threshold}
keep_score = 0.1
evidence_ok_rate = 0.0
deadline_ms = 10000

[quality]           # binarised pictures: nearly all white is a board with little copper, not a fault
min_brightness = 0.0
max_brightness = 255.0
max_age_ms = 10000
"""


@dataclass(frozen=True, slots=True)
class Part:
    """A board to judge, and what it is."""

    picture: Path
    label: str
    """Its one defect's class; "bad" for several; empty for a good board."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A board and its verdict."""

    part: Part
    outcome: str
    score: float
    """Highest score of any detection."""


def pairs(split: str) -> Iterator[tuple[Path, Path]]:
    """(picture stem, label file) of the authors' split."""
    for row in (DATA / f"{split}.txt").read_text().splitlines():
        if row.strip():
            picture, labels = row.split()
            yield DATA / picture[: -len(".jpg")], DATA / labels


def whole_boards(split: str) -> list[Part]:
    """The test pictures (bad) and the templates (good)."""
    boards = []
    for stem, _ in pairs(split):
        boards += [Part(Path(f"{stem}_test.jpg"), "bad"), Part(Path(f"{stem}_temp.jpg"), "")]
    return boards


def one_defect_boards(split: str, folder: Path) -> list[Part]:
    """Templates with one defect of their test picture pasted in, written to `folder` as PNG."""
    boards = []
    for stem, labels in pairs(split):
        bad, good = cv2.imread(f"{stem}_test.jpg"), cv2.imread(f"{stem}_temp.jpg")
        for number, row in enumerate(filter(str.strip, labels.read_text().splitlines())):
            x1, y1, x2, y2, kind = map(int, row.split())
            board = good.copy()
            place = (slice(max(0, y1 - MARGIN_PX), y2 + MARGIN_PX), slice(max(0, x1 - MARGIN_PX), x2 + MARGIN_PX))
            board[place] = bad[place]
            file = folder / f"{stem.name}-{number}.png"
            cv2.imwrite(str(file), board)
            boards.append(Part(file, LABELS[kind - 1]))
    return boards


def judge(boards: Sequence[Part], work: Path, model: Path, threshold: float) -> list[Judged]:
    """Every board through `okng judge`, results in one database below `work`."""
    recipe = work / "deeppcb.toml"
    recipe.write_text(RECIPE.format(model=model, threshold=threshold))
    judged = []
    for first in range(0, len(boards), CHUNK):
        some = boards[first : first + CHUNK]
        answer = work / "judged.json"
        command = [sys.executable, "-m", "agent.cli", "judge", "--data", str(work / "data"), "--recipe", str(recipe)]
        command += ["--json", str(answer), "--purpose", "production", *(str(b.picture) for b in some)]
        if subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL).returncode:
            sys.exit("okng judge failed")
        by_picture = {p["picture"]: p for p in json.loads(answer.read_text())["parts"]}
        for board in some:
            got = by_picture[str(board.picture)]
            top = max((d["score"] for d in got["detections"]), default=0.0)
            judged.append(Judged(board, got["outcome"], top))
        print(f"  {len(judged)} of {len(boards)} judged", file=sys.stderr)
    return judged


def wilson(k: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """95 % interval of a proportion (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    p, zz = k / n, z * z
    middle, half = p + zz / (2 * n), z * math.sqrt(p * (1 - p) / n + zz / (4 * n * n))
    return (middle - half) / (1 + zz / n), (middle + half) / (1 + zz / n)


def share(k: int, n: int) -> str:
    low, high = wilson(k, n)
    return f"{k} of {n} = {100 * k / max(n, 1):.2f} % (95 %: {100 * low:.2f} to {100 * high:.2f} %)"


def report(judged: Sequence[Judged]) -> None:
    """Part accuracy, escapes by class, overkills."""
    bad, good = [j for j in judged if j.part.label], [j for j in judged if not j.part.label]
    escapes, overkills = [j for j in bad if j.outcome == "OK"], [j for j in good if j.outcome != "OK"]
    print(f"parts {len(judged)}: {dict(Counter(j.outcome for j in judged))}")
    print(f"part accuracy {share(len(judged) - len(escapes) - len(overkills), len(judged))}")
    print(f"escapes {share(len(escapes), len(bad))}")
    if good:
        print(f"overkills {share(len(overkills), len(good))}")
    for label in sorted({j.part.label for j in bad}):
        of = [j for j in bad if j.part.label == label]
        print(f"  escapes {label:10} {share(sum(j.outcome == 'OK' for j in of), len(of))}")


def choose(judged: Sequence[Judged]) -> None:
    """Errors at each threshold; the fewest errors win, the lower threshold at a draw (escapes weigh more)."""
    table = []
    for threshold in (round(0.3 + 0.05 * i, 2) for i in range(13)):
        escapes = sum(bool(j.part.label) and j.score < threshold for j in judged)
        overkills = sum(not j.part.label and j.score >= threshold for j in judged)
        table.append((escapes + overkills, threshold))
        print(f"threshold {threshold:.2f}: escapes {escapes}, overkills {overkills}")
    print(f"chosen {min(table)[1]:.2f}")


def make_bundle(export: Path, folder: Path) -> Path:
    """The given export as a bundle, by `okng bundle`; its golden picture is one of the training split.

    The bundle's own threshold only parts what its golden picture shows from what it does not; the
    recipe's THRESHOLD judges. A picture with a score near the bundle's threshold is refused as golden.
    """
    out = folder / "deeppcb-1"
    command = [sys.executable, "-m", "agent.cli", "bundle", str(export), str(out), "--name", "deeppcb"]
    command += ["--version", "1", "--threshold", "0.4"]
    command += ["--data", "DeepPCB training pairs; MIT, and: for research purpose only"]
    for stem, _ in pairs("trainval"):
        made = subprocess.run([*command, "--golden", f"{stem}_test.jpg"], cwd=ROOT, check=False, capture_output=True)
        if made.returncode == 0:
            return out
        if b"too close" not in made.stderr:
            break
    sys.exit(made.stderr.decode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("threshold", "test", "one-defect"))
    parser.add_argument("--model", default="raw-int8", choices=("raw-int8", "raw-fp32", "nmsfree-int8"))
    options = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"{DATA} is not there: nothing can be measured")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        bundle = make_bundle(MODELS / options.model, work)
        if options.what == "threshold":
            choose(judge(whole_boards("trainval"), work, bundle, THRESHOLD))
        elif options.what == "test":
            report(judge(whole_boards("test"), work, bundle, THRESHOLD))
        else:
            boards = work / "boards"
            boards.mkdir()
            report(judge(one_defect_boards("test", boards), work, bundle, THRESHOLD))


if __name__ == "__main__":
    main()
