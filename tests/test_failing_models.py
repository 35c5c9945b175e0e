"""The trial of the diagnosis is as good as its cases: faults are what they are called, and cures undo them."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from failing_models import data
from failing_models.cures import CURES, apply
from failing_models.further import FURTHER
from failing_models.problems import PROBLEMS, ordinary, padded

ALL = PROBLEMS | FURTHER
PAIRS = [(name, shape) for name, problem in ALL.items() for shape in problem.shapes]


def rng(seed=0):
    return np.random.default_rng(seed)


def drawn(name, shape, seed):
    base = ALL[name].base(rng(seed), shape)
    return base, ALL[name].inject(rng(seed), base)


@pytest.mark.parametrize(("name", "shape"), PAIRS)
def test_a_problem_is_in_the_setting_and_its_cures_change_it(name, shape):
    base, injected = drawn(name, shape, 0)
    assert drawn(name, shape, 0) == (base, injected)
    assert drawn(name, shape, 1)[0] != base
    assert injected != base
    assert injected.seed == base.seed
    for cure in ALL[name].cures:
        assert apply(cure, injected) is not None


def test_each_problem_stands_in_three_shapes_or_more():
    assert len(PROBLEMS) >= 14
    assert len(ALL) == len(PROBLEMS) + len(FURTHER)
    assert min(len(set(problem.shapes)) for problem in ALL.values()) >= 3


def test_a_cure_takes_its_number_from_its_line():
    setting = ordinary(rng(), "window")
    line = "model.compile(optimizer=keras.optimizers.Adam(3e-05), loss=...)"
    assert apply("lower learning rate", setting, line).rate == 3e-5
    assert apply("lower learning rate", setting).rate == pytest.approx(setting.rate / 10)
    chrono = apply("gated cell", setting, 'keras.layers.GRU(units, bias_initializer=Chrono("zrh", max_lag=40))')
    assert (chrono.cell, chrono.kernel, chrono.lag) == ("GRU", "chrono", 40)
    assert apply("no such cure", setting) is None
    assert apply("tanh", setting) is None  # it is tanh already
    assert "tanh" in CURES


def test_units_of_inputs():
    base = ordinary(rng(), "window", features=3)
    mixed = data.make(base.but(inputs="mixed")).x.reshape(-1, 3)
    assert mixed.std(0)[0] > 1e3 * mixed.std(0)[1]
    large = data.make(base.but(inputs="thousands")).x
    assert large.mean() > 3e3
    plain = data.make(base).x  # the same data in other units
    assert np.corrcoef(plain[..., 0].ravel(), large[..., 0].ravel())[0, 1] == pytest.approx(1, abs=1e-3)


def test_a_scaled_target_has_the_units_of_the_training_data():
    setting = ordinary(rng(), "window", target="thousands", scaled_target=True)
    made = data.make(setting)
    assert made.y.mean() == pytest.approx(0, abs=1e-3)
    assert made.y.std() == pytest.approx(1, abs=1e-3)
    assert data.make(setting.but(scaled_target=False)).y.mean() > 3e3


@pytest.mark.parametrize("where", ["inputs", "infinite inputs", "target"])
def test_broken_rows_are_there_and_can_be_dropped(where):
    setting = ordinary(rng(), "window", broken=where)
    made = data.make(setting)
    side = made.y if where == "target" else made.x
    assert 0.05 < (~np.isfinite(side)).reshape(len(side), -1).any(1).mean() < 0.15
    whole = data.make(setting.but(drop_broken=True))
    assert np.isfinite(whole.x).all()
    assert np.isfinite(whole.y).all()
    assert len(whole.x) < setting.examples


def test_random_labels_are_the_same_labels_elsewhere():
    base = ordinary(rng(), "window")
    true, random = data.make(base), data.make(base.but(labels="random"))
    assert (true.x == random.x).all()
    both = [np.sort(np.concatenate([made.y, made.y_valid]), axis=0) for made in (true, random)]
    assert (both[0] == both[1]).all()
    assert abs(np.corrcoef(true.y[:, 0], random.y[:, 0])[0, 1]) < 0.15


def test_shuffled_steps_keep_their_targets():
    base = ordinary(rng(), "tagger")
    true, shuffled = data.make(base), data.make(base.but(order="shuffled"))
    rows = [np.concatenate([made.x, made.y], -1)[0] for made in (true, shuffled)]
    assert (rows[0] != rows[1]).any()
    assert (np.sort(rows[0][:, 0]) == np.sort(rows[1][:, 0])).all()
    places = [list(rows[0][:, 0]).index(value) for value in rows[1][:, 0]]
    assert (rows[0][places] == rows[1]).all()


@pytest.mark.parametrize("shape", ["window", "subclassed"])
def test_padding_stands_where_it_is_said_to(shape):
    after, before = (padded(rng(), shape, padding=side) for side in ("post", "pre"))
    x, y = (data.make(setting).x for setting in (after, before))
    empty = [(made if made.ndim == 2 else np.abs(made).sum(-1)) == 0 for made in (x, y)]
    assert (empty[0].sum(1) == empty[1].sum(1)).all()
    assert empty[0][:, -1].all()
    assert not empty[0][:, 0].any()
    assert empty[1][:, 0].all()
    assert not empty[1][:, -1].any()
    assert (x[0][~empty[0][0]] == y[0][~empty[1][0]]).all()
