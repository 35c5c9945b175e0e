"""The page of a run: whole, safe, alone, small, and drawn by a browser."""

import json
import re
import shlex
import shutil
import subprocess
from html import escape, unescape

import numpy as np
import pandas as pd
import pytest
import typer
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from typer.testing import CliRunner

from rnnkit.cli.app import app
from rnnkit.diagnosis.page import FADED, heat_map, history_map
from rnnkit.errors import DataError
from rnnkit.report.markup import Markup, number, tag
from rnnkit.study.folder import RunFolder
from rnnkit.study.training_page import learning
from rnnkit.tasks.config import RunConfig

TASKS = ("sentiment", "ner", "memory")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def page_of(folder):
    return (folder.path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("task", TASKS)
def test_a_page_is_well_formed_alone_and_small(runs, task, read):
    page = page_of(runs[task])
    reader = read(page)
    assert len(page.encode()) < 3e6
    links = [value for _, each in reader.elements for name, value in each.items() if name in ("href", "src")]
    ids = [each["id"] for _, each in reader.elements if "id" in each]
    assert links
    assert all(link[1:] in ids and link[0] == "#" for link in links if not link.startswith("data:image/png;"))
    assert len(ids) == len(set(ids))
    assert not re.search(r"https?://|@import|url\((?!#)", page)
    used = re.findall(r"url\(#(.*?)\)", page)
    assert set(used) <= set(ids)
    assert not reader.all("script")
    assert len(reader.all("h1")) == 1
    charts = [each for each in reader.all("svg") if each.get("role") == "img"]
    assert len(charts) >= 6
    assert all(len(chart["aria-label"]) > 20 for chart in charts)


@pytest.mark.parametrize("task", TASKS)
def test_a_page_says_what_the_run_found(runs, task):
    folder, page = runs[task], page_of(runs[task])
    metrics = folder.metrics
    tables, said = folder.diagnosis
    assert all(f">{number(value)}</td>" in page for value in metrics["test"].values())
    assert all(escape(name) in page for name in metrics["kernels"])
    assert metrics["versions"]["tensorflow"] in page
    assert all(f"<dd>{escape(str(value))}</dd>" in page for value in (metrics["date"], metrics["hardware"]))
    assert f"<dt>parameters</dt><dd>{metrics['parameters']:,}</dd>" in page
    assert all(f">{escape(str(value))}</dd>" in page for value in folder.config.values() if value is not None)
    assert escape(said["verdict"].splitlines()[0]) in page
    assert all(status in page for status in tables["layers"]["status"])
    assert {"spectrum", "gradients", "history", "samples"} <= {file.stem for file in folder.path.glob("*.csv")}


def test_what_belongs_to_one_task(runs):
    assert "Clipping was active in 100% of the recorded steps. The threshold at the end was 0.01." in page_of(
        runs["sentiment"]
    )
    assert "No recorded step was clipped." in page_of(runs["ner"])
    assert "Entities of the test data, by type" in page_of(runs["ner"])
    assert "remembers nothing reaches 0.2500" in page_of(runs["memory"])


def test_texts_of_the_user_stay_texts(runs):
    page = page_of(runs["sentiment"])
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;i&gt;negative" in page
    assert "re&lt;b&gt;views.csv" in page
    assert not re.search(r"<script|<i>|<b>", page)
    assert tag("p", "<a>", title='"', id=None) == '<p title="&quot;">&lt;a&gt;</p>'
    assert tag("p", Markup("<a>")) == "<p><a></p>"


def test_the_page_is_made_again_from_the_folder_alone(runs, tmp_path):
    folder = runs["sentiment"]
    out = tmp_path / "page.html"
    done = CliRunner().invoke(app, ["report", str(folder.path), "--out", str(out)])
    assert (done.exit_code, done.stdout.strip()) == (0, str(out))
    assert out.read_text(encoding="utf-8") == page_of(folder)


@pytest.mark.parametrize("missing", ["metrics.json", "history.csv", "gradients.csv", "samples.csv"])
def test_an_incomplete_folder_is_named(runs, tmp_path, missing):
    folder = tmp_path / "run"
    shutil.copytree(runs["ner"].path, folder, ignore=shutil.ignore_patterns(missing, "model.keras"))
    with pytest.raises(DataError, match="is not finished" if missing == "metrics.json" else f"{missing}.*run finished"):
        RunFolder(folder).write_report()


def test_without_a_diagnosis_the_page_says_why(runs, tmp_path, read):
    folder = tmp_path / "run"
    shutil.copytree(runs["ner"].path, folder, ignore=shutil.ignore_patterns("diagnosis", "model.keras"))
    run = RunFolder(folder)
    run._write_diagnosis("x: sequences of <5 steps")
    page = run.write_report().read_text(encoding="utf-8")
    read(page)
    assert "No diagnosis was made. x: sequences of &lt;5 steps" in page
    assert "Recurrent kernels over training" in page


def test_long_records_are_thinned_out(runs, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(runs["sentiment"].path, folder, ignore=shutil.ignore_patterns("model.keras"))
    frame = pd.read_csv(folder / "gradients.csv")
    many = pd.concat([frame.assign(step=frame["step"] + 1000 * number) for number in range(1 + 20_000 // len(frame))])
    many.loc[:, "norm_before"] = np.random.default_rng(0).lognormal(size=len(many))
    many.to_csv(folder / "gradients.csv", index=False)
    run = RunFolder(folder)
    assert run.write_report().stat().st_size < 300_000


def test_a_heat_map_over_training_is_clear_where_nothing_is_lost_and_has_the_horizon():
    lags, epochs = np.arange(100), np.arange(5)
    rows = [
        {"layer": "a", "direction": "forward", "path": path, "epoch": epoch, "steps_back": lag, "decay": 0.9**lag}
        for path in ("joint", "h")
        for epoch in epochs
        for lag in lags
    ]
    drawn = history_map(pd.DataFrame(rows))
    assert drawn.count("<image") == 1
    [panel] = heat_map(pd.DataFrame(rows)).panels
    axis = Figure().subplots()
    panel.draw(axis)
    [mesh] = axis.collections
    assert mesh.get_array().shape == (96, 5)
    blue, clear = mesh.cmap(mesh.norm([1e-4, 1.0]))
    np.testing.assert_allclose(blue, to_rgba(FADED), atol=0.01)
    assert clear[3] < 0.02
    horizon = np.log(0.01) / np.log(0.9)
    assert axis.lines[0].get_ydata()[0] == pytest.approx(horizon, abs=1)
    assert history_map(pd.DataFrame(rows)[lambda frame: frame["epoch"] == 0]) is None


MEASURE = """<iframe id=f style="width:{width}px;height:844px;border:0" srcdoc="{page}"></iframe><p id=out></p><script>
f.onload = () => {{ const d = f.contentDocument, e = d.documentElement, c = [...d.querySelectorAll('svg.chart')];
out.textContent = [e.clientWidth, e.scrollWidth, c.filter(x => x.getBoundingClientRect().height > 150 &&
[...x.querySelectorAll('path, use, image')].some(p => !/--(quiet|grid)/.test(p.getAttribute('style')) &&
p.getBoundingClientRect().width + p.getBoundingClientRect().height > 5)).length,
[...d.querySelectorAll('.scroll')].filter(x => x.scrollWidth > x.clientWidth).length].join(' '); }}</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.parametrize(("task", "width"), [*((task, 390) for task in TASKS), ("memory", 1280)])
def test_a_browser_draws_everything_and_cuts_no_table_on_a_phone_or_a_desk(runs, tmp_path, task, width):
    page = page_of(runs[task])
    frame = tmp_path / "frame.html"
    frame.write_text(MEASURE.format(page=escape(page), width=width), encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1400,900"]
    command += [f"--user-data-dir={tmp_path / 'profile'}"]
    command += ["--enable-logging=stderr", "--virtual-time-budget=5000", "--dump-dom", frame.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=120)
    assert "CONSOLE" not in done.stderr, done.stderr
    found = re.search(r'<p id="out">(\d+) (\d+) (\d+) (\d+)</p>', done.stdout).groups()
    has, needed, drawn, cut = map(int, found)
    assert (has, needed) == (width, width)
    assert drawn == page.count('class="chart"')
    assert cut == 0


@pytest.mark.parametrize("deterministic", [True, False])
def test_the_same_run_again_is_a_command_that_can_be_given(runs, tmp_path, deterministic):
    path = shutil.copytree(runs["sentiment"].path, tmp_path / "copy")
    asked = {**runs["sentiment"].config, "deterministic": deterministic, "devices": 2}
    (path / "config.json").write_text(json.dumps(asked), encoding="utf-8")
    page = RunFolder(path).write_report().read_text(encoding="utf-8")
    [command] = re.findall(r"<code>rnnkit run (.*?)</code>", page)
    task, *words = shlex.split(unescape(command))
    parsed = typer.main.get_command(app).commands["run"].commands[task].make_context(task, words).params
    given = {name: parsed[name] for name in asked if name != "task" and parsed[name] != ()}  # nothing of --set
    assert RunConfig(task, **given).as_dict() == asked


def test_a_training_whose_validation_loss_was_never_finite_has_a_page():
    history = pd.DataFrame({"epoch": [0, 1], "loss": [np.nan, np.nan], "val_loss": [np.nan, np.inf]})
    section = learning(history, {"loss": np.inf})
    assert "was not a finite number in any epoch" in "".join(map(str, section.parts))
