"""The pages' templates: everything is escaped, an unknown name is an error."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from agent import paths
from agent.version import __version__
from agent.web import drawing


def environment(*folders: Path) -> Environment:
    """Templates of these folders, then those of the station's page, which the fleet's page extends."""
    made = Environment(
        loader=FileSystemLoader([*folders, paths.templates()]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(drawing=drawing, version=__version__)
    return made
