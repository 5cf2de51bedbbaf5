"""`okng review`."""

from agent.commands.table import Verbs


def add(verbs: Verbs) -> None:
    """Add the verb to the command line; its parser names what carries it out (`set_defaults(run=...)`)."""
    del verbs
