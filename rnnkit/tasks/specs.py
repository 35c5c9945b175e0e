"""What is special about a run of each task: its data, its model's options, and what it leaves. A task is one entry."""

from rnnkit.errors import ArgumentError
from rnnkit.tasks.entities.spec import Ner
from rnnkit.tasks.memory.spec import Memory
from rnnkit.tasks.music.spec import Music
from rnnkit.tasks.sentiment.spec import Sentiment
from rnnkit.tasks.spec import Recipe, Results
from rnnkit.tasks.translation.spec import Translation

__all__ = ["RECIPES", "Recipe", "Results", "find_recipe", "recipe_of"]

RECIPES: dict[str, Recipe] = {recipe.task: recipe for recipe in (Sentiment(), Ner(), Memory(), Music(), Translation())}


def find_recipe(task: str) -> Recipe:
    """The recipe of a task by its name.

    Raises:
        ArgumentError: there is no such task.
    """
    if task not in RECIPES:
        raise ArgumentError(f"task: unknown task '{task}'. Known tasks: {', '.join(RECIPES)}.")
    return RECIPES[task]


def recipe_of(name: str) -> Recipe:
    """The recipe of a task; a plain one for a task of the user's own."""
    return RECIPES.get(name) or Recipe()
