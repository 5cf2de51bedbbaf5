"""Where the head of the station's page leads to: one row a place, in the order shown."""

from agent.web.frame import Place

PLACES: tuple[Place, ...] = (
    Place("line", "/"),
    Place("parts", "/parts"),
    Place("review", "/review", "operator"),
    Place("quality", "/quality"),
    Place("shift", "/shift"),
    Place("setup", "/setup"),
)
"""The head's."""

SETUP: tuple[Place, ...] = (
    Place("recipes", "/setup/recipes", "operator"),
    Place("models", "/setup/models", "operator"),
    Place("record", "/setup/record", "operator"),
    Place("cameras", "/setup/cameras", "operator"),
    Place("events", "/setup/events"),
    Place("storage", "/setup/storage"),
    Place("device", "/setup/device"),
    Place("people", "/setup/people", "admin"),
    Place("tokens", "/setup/tokens", "admin"),
    Place("acts", "/setup/acts", "engineer"),
)
"""The set-up's own second row, on pages below /setup."""
