# ruff: noqa: RUF001
"""What a page answers in Chromium is what Keras answers in Python."""

import unicodedata

import numpy as np
import pytest
import regex

import rnnkit
from rnnkit.errors import ArgumentError, PackageError
from rnnkit.tasks.web import export
from rnnkit.tasks.web import runtime as runtimes
from rnnkit.text.tokenizer import _WORD, words

TRICKY = [
    "Don’t, can't; I'VE WE'LL o'clock rock'n'roll 'tis n't N'T'",
    "1,000.50 at 3:45, 10km, ½ x², 1.2.3a, Ⅷ, ٣٤٥ -- ... - .",
    "naïve naïve ΣΟΦΟΣ İstanbul ǅ straße ſ 'ſ ﬁn 𝒳𝒴",
    "😀😀 👩🏽‍🚀 👍🏽 🇩🇪🇫🇷 ❤️ #️⃣ 1⃣ a‍b",
    "中文分词,ひらがなカタカナー! ไม่ดีเลย ພາສາລາວ ភាសាខ្មែរ မြန်မာ 한국어",
    "हिन्दी क्षत्रिय তুমি தமிழ் עִבְרִית العَرَبِيَّة",
    "a\u0085b\u00a0c\u2028d\u3000e\ufefff\u200bg\u00adh\r\ni\x1cj",
    "_under_score __proto__ constructor toString",
    "",
]
TEXT = "Not bad at all, though far too long: don't wait."


def shaken(model, *data):
    """A model whose weights are no longer where they start."""
    model.adapt(*data)
    rng = np.random.default_rng(0)
    model.network.set_weights([rng.normal(0, 0.4, weights.shape) for weights in model.network.get_weights()])
    return model


@pytest.fixture(scope="module")
def sentiment(tmp_path_factory, runtime):
    pytest.importorskip("tf2onnx", reason="needs rnnkit[export]")
    texts = [TEXT, *filter(None, TRICKY)] * 2
    model = shaken(rnnkit.SentimentClassifier(units=5, embedding_dim=4), texts, ["b", "a", "ö"] * 6)
    return model, model.export(tmp_path_factory.mktemp("web") / "page", format="web", runtime=runtime)


def test_the_probabilities_after_each_word_are_those_of_keras(browser, sentiment):
    model, page = sentiment
    browser.open(page)
    for text in (TEXT, TEXT[:20], f"{TEXT} {TEXT} {TEXT}"):
        browser.type(text)
        rows = browser.run(
            "[...document.querySelectorAll('tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent))"
        )
        spelled = words(text, lowercase=True)
        assert [word for word, *_ in rows] == spelled
        expected = model.predict([" ".join(spelled[: end + 1]) for end in range(len(spelled))], verbose=0)
        np.testing.assert_allclose([list(map(float, row[1:])) for row in rows], expected, atol=1e-5)
    assert {each.split(":")[0] for each in browser.requested} == {"file", "blob"}
    assert browser.run("document.getElementById('status').textContent") == ""


def test_texts_are_split_and_numbered_as_in_python(browser, sentiment):
    model, page = sentiment
    browser.open(page)
    assert browser.run("texts.map(split)", texts=TRICKY) == [words(text, lowercase=True) for text in TRICKY]
    numbers = browser.run("texts.map((text) => vocabulary.encode(split(text)))", texts=TRICKY[:-1])
    assert numbers == [model.network_inputs([text])["tokens"][0].tolist() for text in TRICKY[:-1]]
    assert min(map(max, numbers)) > 1


def test_the_letters_of_words_are_those_of_python(browser, sentiment):
    browser.open(sentiment[1])
    browser.run("(globalThis.inWord = new RegExp(`^${WORD}$`, 'v'), 0)")
    every = (
        "Array.from({ length: 0x110000 }, (_, code) => code).filter((code) => inWord.test(String.fromCodePoint(code)))"
    )
    known = {code for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cn", "Cs")}
    expected = regex.findall(_WORD, "".join(map(chr, sorted(known))), regex.V1)
    assert known.intersection(browser.run(every)) == set(map(ord, expected))


@pytest.fixture
def opened(browser, sentiment, tmp_path, monkeypatch):
    """Opens the page of a model, with the runtime that another page has already."""
    script = sentiment[1].with_name("runtime.js").read_text(encoding="utf-8")
    monkeypatch.setattr(export, "runtime_files", lambda archive: {})
    monkeypatch.setattr(export, "_runtime_script", lambda parts: script)

    def open_page(model):
        browser.open(model.export(tmp_path / "page", format="web"))
        return browser

    return open_page


DOCUMENT = "Dr. Ada Lovelace (U.N.) met J. Smith in 東京。She’s “fine”! p53 and IL-2 rose\n\n3 % in Fig. 3 ... of 1990."


def test_the_entities_are_those_that_tag_finds(opened):
    rows = [["Dr.", "Ada", "Lovelace", "(", "U.N.", ")", "met", "p53"], ["IL-2", "in", "Tokyo", "."]]
    tags = [["O", "B-P", "I-P", "O", "B-O", "O", "O", "O"], ["B-G", "O", "O", "O"]]
    data = [rows[place // 2] for place in range(4)], [tags[place // 2] for place in range(4)]
    model = shaken(rnnkit.EntityRecognizer("gru", units=4, char_units=4), *data)
    page = opened(model)
    page.type(DOCUMENT)
    found = page.run("entities(text)", text=DOCUMENT)
    expected = model.tag(DOCUMENT)
    assert len(expected) > 3
    assert [(each["text"], each["type"], each["start"], each["end"]) for each in found] == [
        each[:4] for each in expected
    ]
    np.testing.assert_allclose([each["score"] for each in found], [each.score for each in expected], atol=1e-4)
    assert page.run("[...document.querySelectorAll('mark')].map((each) => each.firstChild.data)") == [
        each.text for each in expected
    ]


@pytest.mark.parametrize("head", ["independent", "joint"])
def test_the_odds_of_music_are_those_of_keras_and_it_sounds(opened, head):
    roll = (np.random.default_rng(0).random((9, 88)) < 0.05).astype("int8")
    model = shaken(rnnkit.MusicGenerator(head, "gru", units=4, embedding_dim=4), [roll])
    page = opened(model)
    said = page.run(
        """await (async () => {
            const odds = [];
            for (const [place, frame] of roll.entries()) {
              odds.push(Array.from(await step.scores({ roll: place ? roll[place - 1] : silence(), frame })));
              step.next();
            }
            return odds;
        })()""",
        roll=roll.tolist(),
    )
    expected = model.network({"roll": roll[None], "lengths": np.array([9], "int32")})[0]
    np.testing.assert_allclose(said, expected, atol=1e-4)
    drawn = page.run(
        """(async () => {
            const all = [];
            for await (const frame of frames()) if (all.push([...frame]) === 12) return all;
        })()"""
    )
    assert set(np.flatnonzero(np.any(drawn, axis=0))) <= set(np.flatnonzero(roll.any(axis=0)))
    assert 0 < np.sum(drawn, axis=1).max() <= roll.sum(axis=1).max()
    loudest = page.run(
        """await (async () => {
            const context = new OfflineAudioContext(1, 8000, 8000);
            const player = new Player(context, 0.5);
            const frame = silence();
            frame[48] = 1;
            player.play(frame);
            const [samples] = [(await context.startRendering()).getChannelData(0)];
            return [samples.slice(0, 4000), samples.slice(4100)].map((part) => Math.max(...part));
        })()"""
    )
    assert loudest[0] == 0
    assert loudest[1] > 0.05


@pytest.mark.parametrize("kind", ["characters", "bytes"])
def test_the_next_token_is_that_of_keras(opened, kind):
    model = shaken(rnnkit.LanguageModel(kind, cell="gru", units=4, embedding_dim=4), ["naïve 😀 text", "text"] * 3)
    page = opened(model)
    prompt = "tx 😀é"
    said = page.run(
        """await (async () => {
            temperature.value = 1;
            let found = await after(END);
            for (const token of encode(prompt)) found = await after(token);
            return found;
        })()""",
        prompt=prompt,
    )
    expected = model.predict([prompt], verbose=0)[0]
    expected[:3] = 0
    np.testing.assert_allclose(said, expected / expected.sum(), atol=1e-4)
    assert page.run("encode(prompt)", prompt=prompt) == model.tokens.encode([prompt])[0]
    assert page.run("decode(tokens)", tokens=model.tokens.encode(["naïve 😀"])[0]) == "naïve 😀"


def test_what_has_no_page_is_an_error_and_leaves_no_folder(tmp_path, monkeypatch):
    memory = rnnkit.MemoryModel(units=2, target="class")
    memory.adapt([[0, 1, 2], [2, 1]], [0, 1])
    with pytest.raises(ArgumentError, match="there is no page for MemoryModel, only for SentimentClassifier"):
        memory.export(tmp_path / "page", format="web")
    with pytest.raises(ArgumentError, match="a page takes neither streaming nor int8"):
        memory.export(tmp_path / "page", format="web", streaming=True)
    with pytest.raises(ArgumentError, match="exists already. Name another folder"):
        memory.export(tmp_path, format="web")
    own = rnnkit.SentimentClassifier(units=2, tokenizer=str.split)
    own.adapt(["a good film", "a bad film"], ["yes", "no"])
    with pytest.raises(ArgumentError, match="a tokenizer of yours, which a page cannot run"):
        own.export(tmp_path / "page", format="web")
    words = rnnkit.LanguageModel("words", units=2)
    words.adapt(["a good film", "a bad film"])
    with pytest.raises(ArgumentError, match="a page writes characters or bytes, and this model words"):
        words.export(tmp_path / "page", format="web")
    monkeypatch.setattr(export, "page_of", lambda task: None)
    with pytest.raises(ArgumentError, match="runtime: expected the file that .* writes, got another one"):
        export.export_page(own, tmp_path / "page", runtime=__file__)
    assert list(tmp_path.iterdir()) == []


def test_without_the_runtime_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    with pytest.raises(ArgumentError, match="runtime: cannot read .*nothing.tgz: No such file"):
        runtimes.runtime_files(tmp_path / "nothing.tgz")
    monkeypatch.setattr(runtimes.shutil, "which", lambda name: None)
    with pytest.raises(
        PackageError, match=r"there is no npm to get it. Run `npm pack onnxruntime-web@\d.* as runtime=."
    ):
        runtimes.runtime_files()
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho no network >&2\nexit 1\n", encoding="utf-8")
    npm.chmod(0o755)
    monkeypatch.setattr(runtimes.shutil, "which", lambda name: str(npm))
    with pytest.raises(PackageError, match="npm cannot get it: no network. Run `npm pack"):
        runtimes.runtime_files()
