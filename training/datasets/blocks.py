"""Parts of one product and one day, in groups of neighbours: what came off the line one after the other is alike.

Where all parts of a set are of one group, no whole group can be held out. Blocks of consecutive parts are the next
best: the same part twice, or one drift of the light, stays on one side, but for the ends of the blocks.
"""

from collections import Counter
from dataclasses import replace

from training.datasets.values import Code, Dataset, Finding, Severity

MOST_BLOCKS, FEWEST_BLOCKS = 50, 10
"""With fewer than ten, one held out would be more than the tenth that is wanted."""
PARTS_A_BLOCK = 10


def in_blocks(dataset: Dataset) -> Dataset:
    """Pictures of a single group as groups of consecutive ones; any other data set as it is.

    The pictures must be in the order in which they were captured, as those of a review export are.
    """
    groups = Counter(picture.group for picture in dataset.pictures)
    pictures = dataset.pictures
    if len(groups) != 1 or "" in groups or len(pictures) < 2:
        return dataset
    (group,) = groups
    count = min(len(pictures), max(FEWEST_BLOCKS, min(MOST_BLOCKS, len(pictures) // PARTS_A_BLOCK)))
    named = [replace(p, group=f"{group}, block {i * count // len(pictures) + 1}") for i, p in enumerate(pictures)]
    what = (
        f"all {len(pictures)} parts are of one recipe and day: divided by {count} blocks of consecutive parts, "
        "so the held-out ones are of the same day as the others; parts of other days would say more"
    )
    found = Finding(Severity.WARNING, Code.GROUP_IN_SPLITS, group, what)
    return replace(dataset, pictures=tuple(named), findings=(*dataset.findings, found))
