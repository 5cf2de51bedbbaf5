"""Words and numbers as the page writes them."""

from html import escape

from training.evaluate.chances import Share


def two(english: str, chinese: str) -> str:
    """A heading in both languages."""
    there = f' <span class="zh" lang="zh-Hans">{escape(chinese)}</span>' if chinese else ""
    return f"{escape(english)}{there}"


def number(value: float, digits: int = 2) -> str:
    """With so many digits after the point."""
    return f"{value:.{digits}f}"


def count(n: int) -> str:
    """3140 as 3,140."""
    return f"{n:,}"


def percent(share: Share) -> str:
    """The share in percent, without the sign; a dash for a share of nothing."""
    return number(100 * share.share) if share.n else "–"


def within(share: Share) -> str:
    """Its 95 % interval in percent."""
    return f"{100 * share.low:.2f} – {100 * share.high:.2f} %" if share.n else ""
