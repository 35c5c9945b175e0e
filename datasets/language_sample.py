"""A generated sample for language models: the reviews of the sentiment sample, without their labels."""

from rnnkit.datasets import sentiment_sample
from rnnkit.datasets.dataset import Dataset, Splits
from rnnkit.datasets.source import Source


def generate(seed: int = 0) -> Splits:
    """Write the sample: 4000, 500 and 1000 reviews.

    Args:
        seed: another seed gives other reviews of the same kind.

    Returns:
        `(train, valid, test)` with the column `text`.
    """
    return Splits(*(Dataset({"text": part["text"]}) for part in sentiment_sample.generate(seed)))


SOURCE = Source(
    name="language-model-sample",
    task="language-model",
    description="Generated reviews of films, books, restaurants and hotels, without labels: 4000, 500 and 1000.",
    licence="Apache-2.0, as rnnkit",
    homepage="rnnkit.datasets.language_sample",
    read=lambda folder: generate(),
)
