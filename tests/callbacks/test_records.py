from dataclasses import astuple

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.callbacks.gradient_health import Running
from rnnkit.callbacks.gradients.records import Records
from rnnkit.callbacks.gradients.rows import NONFINITE, OF_STEP, QUANTITIES, TAKEN, Block, unpack
from rnnkit.callbacks.gradients.units import Unit

UNITS = [Unit("one", "one/kernel", "i", 6), Unit("one", "one/kernel", "f", 6), Unit("two", "two/bias", "", 2)]


def block(steps, units=UNITS, epoch=0, status=None, **changes):
    steps = np.array(steps)
    shape = (len(steps), len(units))
    values = {name: np.ones(shape) for name in ("norm_before", "norm_after", "weight_norm", "update_norm")}
    values |= {"zeros": np.zeros(shape), "nonfinite": np.zeros(shape)}
    of_step = {name: np.ones(len(steps)) for name in OF_STEP}
    of_step["status"] = np.full(len(steps), TAKEN) if status is None else np.array(status)
    return Block(epoch, units, steps, {**values, **changes}, of_step)


class Rows:
    """Stands for a ring that holds these rows."""

    def __init__(self, units, steps, rows):
        self.units, self.found = units, (np.array(steps), rows)

    def since(self, number):
        return self.found


def test_rows_never_exceed_the_limit_and_cover_a_long_training_evenly():
    records = Records("variable", every=1, max_rows=100)
    for start in range(0, 10_000, 64):
        records.add(block(range(start, start + 64)))
        assert len(records.frame) <= 100
    steps = records.steps["step"].to_numpy()
    assert len(steps) > 20
    assert len(set(np.diff(steps))) == 1
    assert steps[-1] > 9_000


def test_update_ratios_outlive_the_steps_that_are_dropped():
    """Weights are measured in one step of 64, at places that no power of two divides."""
    for every, max_rows in ((1, 300), (16, 10_000)):
        records = Records("variable", every=every, max_rows=max_rows)
        for start in range(0, 6400, 64):
            measured = np.arange(start, start + 64)[:, None] % 64 == 37
            records.add(block(range(start, start + 64), weight_norm=np.where(measured, np.ones(len(UNITS)), 0)))
        assert len(records.frame) <= max_rows
        ratios = records.steps["update_ratio"].dropna()
        assert len(ratios) >= min(100, max_rows // len(UNITS) // 2)
        assert records.steps["step"][ratios.index[-1]] > 6000


@given(st.lists(st.integers(1, 90), min_size=1, max_size=30), st.integers(1, 5), st.integers(20, 400))
def test_the_portions_in_which_steps_come_make_no_difference(portions, every, max_rows):
    """A save of `Resume` brings the records to the host earlier."""
    random = np.random.default_rng(sum(portions))
    measured = np.where(random.random((sum(portions), 1)) < 0.05, np.ones(len(UNITS)), 0)
    status = random.choice([TAKEN, NONFINITE], sum(portions), p=[0.97, 0.03])
    found = []
    for sizes in (portions, [1] * sum(portions)):
        records, start = Records("variable", every=every, max_rows=max_rows), 0
        for size in sizes:
            here = slice(start, start + size)
            records.add(block(range(start, start + size), weight_norm=measured[here], status=status[here]))
            start += size
        found.append(records.steps)
    pd.testing.assert_frame_equal(*found, check_exact=True)


def test_a_step_is_the_same_to_the_last_bit_alone_and_among_others():
    units = [Unit(f"layer {number // 3}", f"variable {number}", "", 4) for number in range(9)]
    rows = np.random.default_rng(0).random((64, 9 * len(QUANTITIES) + len(OF_STEP))).astype("float32")
    rows[:, OF_STEP.index("status") - len(OF_STEP)] = TAKEN
    found = []
    for parts in ([rows], rows[:, None]):
        records, start = Records("layer", every=1, max_rows=10_000), 0
        for part in parts:
            records.add(unpack([Rows(units, range(start, start + len(part)), part)], start, 0))
            start += len(part)
        found.append(records)
    pd.testing.assert_frame_equal(found[0].steps, found[1].steps, check_exact=True)
    pd.testing.assert_frame_equal(found[0].frame, found[1].frame, check_exact=True)


def test_the_rows_of_several_optimizers_are_put_in_the_order_of_their_steps():
    """Each optimizer has a ring over the units that it updates."""
    size, random = len(QUANTITIES), np.random.default_rng(0)
    one, two = (
        random.random((3, len(units) * size + len(OF_STEP))).astype("float32") for units in (UNITS[:2], UNITS[1:])
    )
    found = unpack([Rows(UNITS[:2], [4, 6, 9], one), Rows(UNITS[1:], [5, 7, 8], two)], 4, epoch=3)
    assert found.units == UNITS
    assert found.steps.tolist() == [4, 5, 6, 7, 8, 9]
    at = list(QUANTITIES).index("zeros")
    np.testing.assert_array_equal(found["zeros"][[0, 2, 5], :2], one[:, 2 * at : 2 * at + 2])
    np.testing.assert_array_equal(found["zeros"][[1, 3, 4], 1:], two[:, 2 * at : 2 * at + 2])
    assert np.isnan(found["zeros"][[0, 2, 5], 2]).all()
    assert np.isnan(found["zeros"][[1, 3, 4], 0]).all()
    np.testing.assert_array_equal(found["loss"][[1, 3, 4]], two[:, OF_STEP.index("loss") - len(OF_STEP)])


@given(st.lists(st.floats(0.125, 1024, width=32), min_size=2, max_size=50), st.data())
def test_a_mean_is_the_same_in_whatever_portions_its_numbers_come(values, data):
    cut = data.draw(st.integers(0, len(values)))
    whole, parted = Running(), Running()
    whole.add(np.array(values, "float32"))
    for part in (values[:cut], values[cut:]):
        parted.add(np.array(part, "float32"))
    assert astuple(whole) == astuple(parted)


def test_a_limit_below_one_step_keeps_one():
    records = Records("gate", every=1, max_rows=1)
    for _ in range(5):
        records.add(block([0, 1]))
    assert len(records.steps) == 1


def test_steps_that_were_not_taken_are_kept_whatever_their_number():
    records = Records("variable", every=10, max_rows=1000)
    records.add(block(range(20), status=[NONFINITE if step == 7 else TAKEN for step in range(20)]))
    assert list(records.steps["step"]) == [0, 7, 10]
    assert list(records.steps["status"]) == ["taken", "nonfinite", "taken"]


def test_gates_join_to_variables_and_layers():
    norms = np.array([[3.0, 4.0, 7.0]])
    change = {"norm_before": norms, "zeros": np.array([[3.0, 0, 1]]), "nonfinite": np.array([[1.0, 2, 0]])}
    frames = {}
    for level in ("gate", "variable", "layer"):
        records = Records(level, every=1, max_rows=10)
        records.add(block([0], **change))
        frames[level] = records.frame
    assert list(frames["gate"]["norm_before"]) == [3, 4, 7]
    for level in ("variable", "layer"):
        assert list(frames[level]["norm_before"]) == [5, 7]
        assert list(frames[level]["zeros"]) == [0.25, 0.5]
        assert list(frames[level]["nonfinite"]) == [3, 0]
    assert list(frames["layer"]["variable"]) == ["", ""]


def test_a_nan_stays_in_its_group():
    nan = np.array([[np.nan, 1.0, 1.0]])
    records = Records("layer", every=1, max_rows=10)
    records.add(block([0], norm_before=nan, zeros=nan, weight_norm=nan))
    frame = records.frame.set_index("layer")
    assert frame.loc["one", ["norm_before", "zeros"]].isna().all()
    assert frame.loc["two", ["norm_before", "zeros", "weight_norm", "update_ratio"]].notna().all()


def test_units_that_come_later_leave_the_earlier_records_alone():
    records = Records("variable", every=1, max_rows=100)
    records.add(block([0, 1], units=UNITS[2:]))
    records.add(block([2]))
    records.add(block([3], units=UNITS[:2]))
    frame = records.frame
    assert [tuple(row) for row in frame[["step", "layer"]].to_numpy()] == [
        (0, "two"),
        (1, "two"),
        (2, "two"),
        (2, "one"),
        (3, "one"),
    ]
    assert frame["norm_before"].notna().all()
