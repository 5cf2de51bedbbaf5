"""The process `okng web`: the configuration is read here, what follows from it is built in `app`."""

from pathlib import Path

from agent.log import set_up
from agent.settings import for_page
from agent.web.app import run as show


def run(path: Path) -> int:
    """Show the page, whatever is wrong with the configuration: the page says it. Returns the exit code."""
    config, problem = for_page(path)
    set_up(config.log.level)
    return show(config, problem, path)
