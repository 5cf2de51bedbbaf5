"""Where the files that come with okng are: in the source tree, an editable install, or a wheel.

The wheel carries `device_profiles/` and `systemd/` inside the package (pyproject.toml, force-include);
in the source tree, which an editable install points to, they stand beside it.
"""

from pathlib import Path

_AGENT = Path(__file__).resolve().parent
_DATA = _AGENT / "_data"

CONFIGURATION = Path("/etc/okng/station.toml")
"""The station's own settings, unless --config names another file."""


def device_profiles() -> Path:
    """Folder of the device profiles, one TOML file per class of hardware."""
    return _beside_or_inside("device_profiles")


def systemd() -> Path:
    """Folder of the units, and of the sysusers, tmpfiles and udev files."""
    return _beside_or_inside("systemd")


def bundled_models() -> Path:
    """Folder of the model bundles that come with okng, one folder a bundle (NAME-VERSION)."""
    return _DATA / "models"


def bundled_recipes() -> Path:
    """Folder of the recipes that come with okng, NAME.toml."""
    return _DATA / "recipes"


def migrations() -> Path:
    """Folder of the database's migrations (alembic)."""
    return _AGENT / "store" / "migrations"


def templates() -> Path:
    """Folder of the page's templates."""
    return _AGENT / "web" / "templates"


def static() -> Path:
    """Folder of the page's style sheets, scripts and pictures."""
    return _AGENT / "web" / "static"


def _beside_or_inside(name: str) -> Path:
    """The wheel's own copy wins: a folder of that name in site-packages would be somebody else's."""
    inside = _DATA / name
    return inside if inside.is_dir() else _AGENT.parent / name
