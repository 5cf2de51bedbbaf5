"""All that the fleet's page says: what it shares with the station's page, and its own."""

from agent.web.catalogue.cameras import CAMERAS
from agent.web.catalogue.charts import CHARTS
from agent.web.catalogue.happened import HAPPENED
from agent.web.catalogue.judging import JUDGING
from agent.web.catalogue.models import MODELS
from agent.web.catalogue.page import PAGE
from agent.web.catalogue.people import PEOPLE
from agent.web.catalogue.quality import QUALITY
from agent.web.catalogue.recipes import RECIPES
from agent.web.catalogue.station import STATION
from agent.web.catalogue.text import Texts, joined
from fleet.web.catalogue.here import HERE
from fleet.web.catalogue.notices import NOTICES
from fleet.web.catalogue.overview import OVERVIEW
from fleet.web.catalogue.places import PLACES
from fleet.web.catalogue.rollout import ROLLOUT

EVENTS: Texts = {key: text for key, text in joined((MODELS, RECIPES, CAMERAS)).items() if key.startswith("event.")}
"""A station's events are told in the station's words."""

CATALOGUES: tuple[Texts, ...] = (
    JUDGING,
    STATION,
    PAGE,
    CHARTS,
    QUALITY,
    PEOPLE,
    HAPPENED,
    EVENTS,
    HERE,
    OVERVIEW,
    PLACES,
    NOTICES,
    ROLLOUT,
)
CATALOGUE: Texts = joined(CATALOGUES)
