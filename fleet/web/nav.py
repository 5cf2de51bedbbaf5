"""Where the head of the fleet's page leads to: one row a place, in the order shown."""

from agent.web.frame import Place

PLACES: tuple[Place, ...] = (
    Place("stations", "/"),
    Place("compare", "/compare"),
    Place("alarms", "/alarms"),
    Place("models", "/models"),
    Place("export", "/export"),
    Place("setup", "/setup"),
)
"""The head's."""

SETUP: tuple[Place, ...] = (
    Place("sync", "/setup/sync"),
    Place("aside", "/setup/aside"),
    Place("notices", "/setup/notices", "engineer"),
    Place("people", "/setup/people", "admin"),
    Place("tokens", "/setup/tokens", "admin"),
    Place("acts", "/setup/acts", "engineer"),
)
"""The set-up's own second row, on pages below /setup."""
