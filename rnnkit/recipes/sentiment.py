"""A run of sentiment classification."""

from rnnkit.recipes.recipe import Recipe


class Sentiment(Recipe):
    """Texts and labels from a CSV, TSV or JSON lines file."""

    task = "sentiment"
    title = "Sentiment"
    sample = "sentiment-sample"
    headline = ("accuracy",)
    options = ("text", "label")
