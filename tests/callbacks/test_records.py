import numpy as np

from rnnkit.callbacks.gates import Unit
from rnnkit.callbacks.records import Records
from rnnkit.callbacks.rows import NONFINITE, TAKEN, Block

UNITS = [Unit("one", "one/kernel", "i", 6), Unit("one", "one/kernel", "f", 6), Unit("two", "two/bias", "", 2)]


def block(steps, units=UNITS, epoch=0, status=None, **changes):
    steps = np.array(steps)
    shape = (len(steps), len(units))
    values = {name: np.ones(shape) for name in ("norm_before", "norm_after", "weight_norm", "update_norm")}
    values |= {"zeros": np.zeros(shape), "nonfinite": np.zeros(shape)}
    values |= {name: np.ones(len(steps)) for name in ("total_before", "total_after", "threshold")}
    values["status"] = np.full(len(steps), TAKEN) if status is None else np.array(status)
    return Block(epoch=epoch, units=units, steps=steps, **{**values, **changes})


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
