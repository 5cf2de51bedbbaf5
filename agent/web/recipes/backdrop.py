"""The picture that a recipe's regions are drawn on: its reference, else a part that it judged, else a live one."""

from dataclasses import dataclass

from agent.station.cameras.formats import NotAPicture, read_header
from agent.status import Status
from agent.store.values import PartQuery
from agent.web.recipes.desk import RecipeDesk
from agent.web.recipes.shelf import lanes_by
from pipelines.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Backdrop:
    """A picture by its address on this server."""

    address: str
    width_px: int
    height_px: int
    reference: bool = False


def backdrop(recipes: RecipeDesk, name: str, recipe: Recipe | None, status: Status | None) -> Backdrop | None:
    """None where there is no picture at all. Raises StoreFailed."""
    if recipe is not None and recipe.reference is not None:
        return _reference(recipes, name, recipe)
    desk = recipes.desk
    lanes = tuple(lane.name for lane in lanes_by(status, name))
    queries = (PartQuery(recipe=name, kept=True, limit=1), *(PartQuery(lane=n, kept=True, limit=1) for n in lanes))
    for query in queries:
        for part in desk.results.parts(query):
            seen = part.record.inspection
            if seen.width_px and seen.height_px:
                return Backdrop(f"/parts/{part.id}/picture", seen.width_px, seen.height_px)
    for lane in lanes:
        live = desk.hub.live.newest(lane)
        if live is not None and live.picture and live.width_px and live.height_px:
            return Backdrop(live.picture, live.width_px, live.height_px)
    return None


def _reference(recipes: RecipeDesk, name: str, recipe: Recipe) -> Backdrop | None:
    data = recipes.shelf.reference(recipe)
    if data is None or recipe.reference is None:
        return None
    try:
        header = read_header(data)
    except NotAPicture:
        return None
    address = f"/setup/recipes/{name}/reference?sha256={recipe.reference.sha256[:12]}"
    return Backdrop(address, header.width_px, header.height_px, reference=True)
