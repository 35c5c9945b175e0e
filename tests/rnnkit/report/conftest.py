from html.parser import HTMLParser

import pandas as pd
import pytest

WORDS = ["good film <script>alert(1)</script>", "a bad film", "not good", "not bad at all"]
REVIEWS = [f"{words} and some more words to be remembered" for words in WORDS] * 9
SENTENCE = "Ada B-PER\nis O\nin O\nNew B-LOC\nYork I-LOC\ntoday O\n\n"


class Reader(HTMLParser):
    """Collects a page's elements and checks that each is closed where it should be."""

    def __init__(self, page):
        super().__init__()
        self.open, self.elements = [], []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, name):
        return [attributes for tag, attributes in self.elements if tag == name]


@pytest.fixture
def read():
    """`Reader`."""
    return Reader


@pytest.fixture(scope="module")
def runs(untraced, tmp_path_factory):
    """A finished run folder of each task, by the task's name."""
    from rnnkit.study.folder import RunFolder
    from rnnkit.study.run import open_data, train
    from rnnkit.tasks.config import RunConfig

    folder = tmp_path_factory.mktemp("runs")
    reviews, tagged = folder / "re<b>views.csv", folder / "tagged.txt"
    pd.DataFrame({"text": REVIEWS, "label": ["positive", "<i>negative"] * 18}).to_csv(reviews, index=False)
    tagged.write_text(SENTENCE * 30, encoding="utf-8")
    configs = [
        RunConfig("sentiment", str(reviews), "gru", 3, epochs=2, batch_size=8, clip="global_norm:0.01"),
        RunConfig("ner", str(tagged), "lstm", 3, epochs=1, batch_size=8),
        RunConfig("memory", "temporal-order-10", "simple_rnn", 4, epochs=1, batch_size=2500),
    ]
    made = {}
    for config in configs:
        made[config.task] = RunFolder.create(folder / config.task, {**config.as_dict(), "device": "cpu"})
        with untraced():
            made[config.task].write(train(config, open_data(config)))
    return made
