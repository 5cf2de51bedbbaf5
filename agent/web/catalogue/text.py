"""A text in both languages, side by side, so that neither can be missing."""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, get_args

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


class Text(NamedTuple):
    """One thing the page says. `{name}` is filled in with an already formatted value."""

    en: str
    zh: str

    def of(self, language: Language) -> str:
        return self.zh if language == "zh" else self.en


Texts = Mapping[str, Text]


def joined(catalogues: Iterable[Texts]) -> Texts:
    """One catalogue of several, which have no key in common."""
    return {key: text for texts in catalogues for key, text in texts.items()}
