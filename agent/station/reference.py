"""A recipe's reference picture, decoded: what a part is aligned to and compared with."""

from agent.errors import Problem, RecipeRefused
from agent.recipes import Recipes
from agent.station.cameras.decode import decode
from pipelines.recipe import Recipe
from pipelines.values import Pixels


def read_reference(recipes: Recipes, recipe: Recipe) -> Pixels | None:
    """The reference picture, (height, width, 3) BGR, read-only; None where the recipe has none.

    Raises RecipeRefused when there is no file with the pinned hash, or when it is no picture.
    """
    data = recipes.reference(recipe)
    if data is None or recipe.reference is None:
        return None
    decoded = decode(data)
    if decoded.fault is not None:
        problem = Problem("reference.picture", f"{recipe.reference.picture}: {decoded.note}")
        raise RecipeRefused(f"recipe {recipe.name}", [problem])
    decoded.pixels.setflags(write=False)
    return decoded.pixels
