"""All recipes. A new one is a file of its own and a line here."""

from __future__ import annotations

from flows.recipes.anonnet import anonnet
from flows.recipes.picture import picture
from flows.recipes.recipe import Recipe
from infra.errors import UsageError
from infra.settings import Settings

DEFAULT = anonnet
RECIPES: dict[str, Recipe] = {one.name: one for one in (anonnet, picture)}


def recipe_of(settings: Settings) -> Recipe:
    """Return the recipe that the settings name.

    Args:
        settings: Of the run.

    Returns:
        The recipe, the default one when none is named.

    Raises:
        UsageError: When there is none of this name.
    """
    name = settings.recipe or DEFAULT.name
    if name not in RECIPES:
        raise UsageError(f"--recipe {name}: no recipe has this name; known: {', '.join(sorted(RECIPES))}.")
    return RECIPES[name]


def named(name: str, media: str) -> Recipe:
    """Return the recipe that converts media.

    Args:
        name: As users write it; empty for the first of the list that converts these media.
        media: What is to be converted: "video" or "picture".

    Returns:
        The recipe.

    Raises:
        UsageError: When there is none of this name for these media.
    """
    fitting = {one.name: one for one in RECIPES.values() if one.media == media}
    if name and name not in fitting:
        raise UsageError(f"--recipe {name}: no {media} recipe has this name; known: {', '.join(sorted(fitting))}.")
    return fitting[name] if name else next(iter(fitting.values()))
