"""How a page is seen: both themes, both languages, on the wall and on a phone."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.web.browsing import KIOSK, PHONE

if TYPE_CHECKING:
    from tests.web.browsing import sync_api


@dataclass(frozen=True, slots=True)
class Look:
    """One way to see a page."""

    name: str
    locale: str
    theme: str
    phone: bool = False

    def options(self) -> dict[str, object]:
        """Of a browser's context; its locale is given apart."""
        touched: dict[str, object] = {"has_touch": True, "is_mobile": True} if self.phone else {}
        seen = {"viewport": PHONE if self.phone else KIOSK, "color_scheme": self.theme, "reduced_motion": "reduce"}
        return {**seen, **touched}


ON_PHONES = (
    Look("phone-en-light", "en-US", "light", phone=True),
    Look("phone-zh-dark", "zh-CN", "dark", phone=True),
)
LOOKS = (
    Look("en-light", "en-US", "light"),
    Look("en-dark", "en-US", "dark"),
    Look("zh-light", "zh-CN", "light"),
    Look("zh-dark", "zh-CN", "dark"),
    *ON_PHONES,
)


def named(address: str) -> str:
    """`setup-models` for .../setup/models?recipe=x; `line` for the first page."""
    path = address.split("://", 1)[-1].partition("/")[2].partition("?")[0]
    return path.strip("/").replace("/", "-") or "line"


_WIDE = """() => {
    const room = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= room) return [];
    const scrolls = each => each && (getComputedStyle(each).overflowX !== "visible" || scrolls(each.parentElement));
    return [...document.querySelectorAll("main *, header *, footer *")]
        .filter(each => each.getBoundingClientRect().right > room + 1 && !scrolls(each.parentElement))
        .map(each => `wider than the screen: ${each.outerHTML.slice(0, 120)}`);
}"""
_SMALL = """() => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
    .filter(each => each.checkVisibility() && getComputedStyle(each).display !== "inline")
    .filter(each => !each.closest(".skip, svg, .sr"))
    .map(each => [each, (each.closest("label") ?? each).getBoundingClientRect()])
    .filter(([, box]) => box.width && (box.height < 43.5 || box.width < 43.5))
    .map(([each, box]) => `smaller than a finger, ${box.width.toFixed()} x ${box.height.toFixed()}: `
        + each.outerHTML.slice(0, 120))"""


def ill_fits(page: "sync_api.Page") -> list[str]:
    """What is wider than the screen or too small for a finger (44 px); links within a sentence may be as it is."""
    found: list[str] = page.evaluate(_WIDE) + page.evaluate(_SMALL)
    return [f"{page.url}: {each}" for each in found]
