"""What folders and files are called: splits, good and bad parts."""

import re
from collections.abc import Iterable
from itertools import pairwise

_SPLITS = {
    **dict.fromkeys(("train", "training", "trainval"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_GOOD = frozenset({"ok", "good", "pass", "passed", "normal", "io", "gut", "conform", "defectfree"})
_BAD = frozenset(
    {
        "ng",
        "bad",
        "nok",
        "notok",
        "nogood",
        "nio",
        "fail",
        "failed",
        "reject",
        "rejected",
        "faulty",
        "schlecht",
        "nonconform",
    }
    | {"def", "defect", "defects", "defective", "anomaly", "anomalies", "anomalous", "abnormal"}
)
_NOT = frozenset({"not", "non", "no", "un"})
_GOOD_TEXT, _BAD_TEXT = ("良品", "合格", "正常"), ("不良", "不合格", "异常", "缺陷", "次品", "異常")


def split_of(names: Iterable[str]) -> str:
    """The split that a path's parts (or a file's stem) name, the last one that does; "" for none.

    "instances_train2017" names one, "valid" means "val".
    """
    found = ""
    for name in names:
        words = re.findall(r"[a-z]+", name.lower())
        found = next((_SPLITS[word] for word in words if word in _SPLITS), found)
    return found


def is_good(name: str) -> bool | None:
    """Whether a folder's name says good (True), bad (False) or neither: "ok_front", "not_ok", "良品"."""
    if any(text in name for text in _BAD_TEXT):
        return False
    if any(text in name for text in _GOOD_TEXT):
        return True
    words = re.findall(r"[a-z]+", name.lower())
    if any(word in _BAD for word in words) and not _denied(words, _BAD):
        return False
    if any(word in _GOOD for word in words):
        return not _denied(words, _GOOD)
    return True if _denied(words, _BAD) else None


def _denied(words: list[str], of: frozenset[str]) -> bool:
    """Whether the list says "not" right before a word of these, or "free" right after a bad one."""
    pairs = list(pairwise(words))
    return any(a in _NOT and b in of for a, b in pairs) or (
        of is _BAD and any(a in of and b == "free" for a, b in pairs)
    )
