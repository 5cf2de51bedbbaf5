"""All that the page says: one catalogue an area, each key in one of them only."""

from agent.web.catalogue.cameras import CAMERAS
from agent.web.catalogue.charts import CHARTS
from agent.web.catalogue.happened import HAPPENED
from agent.web.catalogue.here import HERE
from agent.web.catalogue.history import HISTORY, ONE_PART
from agent.web.catalogue.judging import JUDGING
from agent.web.catalogue.models import MODELS
from agent.web.catalogue.page import PAGE
from agent.web.catalogue.people import PEOPLE
from agent.web.catalogue.quality import QUALITY
from agent.web.catalogue.recipes import RECIPES
from agent.web.catalogue.review import REVIEW
from agent.web.catalogue.shift import SHIFT
from agent.web.catalogue.station import STATION
from agent.web.catalogue.text import Texts
from agent.web.catalogue.upkeep import UPKEEP

CATALOGUES: tuple[Texts, ...] = (
    JUDGING,
    STATION,
    PAGE,
    UPKEEP,
    HAPPENED,
    MODELS,
    CHARTS,
    QUALITY,
    REVIEW,
    HISTORY,
    ONE_PART,
    PEOPLE,
    HERE,
    SHIFT,
    RECIPES,
    CAMERAS,
)
