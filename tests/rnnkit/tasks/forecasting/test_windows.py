import numpy as np
import pytest

from rnnkit.datasets.series import Roles, Series
from rnnkit.errors import DataError
from rnnkit.tasks.forecasting.scaling import learn_scales, scale_of
from rnnkit.tasks.forecasting.windows import Windows, learn_encoding

L, H = 4, 2


def walks(*lengths, targets=2, gaps=()):
    rng = np.random.default_rng(0)
    made = []
    for number, length in enumerate(lengths):
        values = rng.normal(5, 3, (length, targets)).cumsum(axis=0)
        for step, target in gaps:
            values[step, target] = np.nan
        made.append(
            Series(
                values,
                known=rng.normal(size=(length + H, 1)),
                past=rng.normal(size=(length, 1)),
                group=f"walk {number}",
                static={"kind": "ab"[number % 2], "size": float(number)},
            )
        )
    return made


def encoding(series, **changes):
    given = {"scaling": "standard", "per_series": True, "calendar_features": False, "embed_groups": True, **changes}
    return learn_encoding(series, **given)


def by_hand(learned, series):
    """Each window in a plain loop: history, target, and known columns of the steps ahead."""
    rows = []
    for each in series:
        shift, scale = scale_of(learned["scales"], each)
        scaled = (each.values - shift) / scale
        first = max(1, each.start, min(L, len(each) - H))
        for target in range(each.values.shape[1]):
            for origin in range(first, len(each) - H + 1):
                history = [scaled[step, target] if step >= 0 else np.nan for step in range(origin - L, origin)]
                ahead = (each.known[origin : origin + H, 0] - learned["covariates"][0][1]) / learned["covariates"][1][1]
                rows.append((history, scaled[origin : origin + H, target], ahead))
    return [np.array(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("lengths", [(9, 12), (5, 7, 20), (3,)])
def test_windows_are_those_of_a_plain_loop(lengths):
    series = walks(*lengths)
    learned = encoding(series)
    windows = Windows(learned, series, L, H, target=True)
    history, target, ahead = by_hand(learned, series)
    rows = np.random.default_rng(1).permutation(len(windows))
    np.testing.assert_allclose(windows.x["history"][rows], history[rows], rtol=1e-5)
    np.testing.assert_allclose(windows.y[rows], target[rows], rtol=1e-5)
    np.testing.assert_allclose(windows.x["future"][rows][:, :, 0], ahead[rows], rtol=1e-5)


def test_a_row_knows_its_series_its_target_and_where_it_is():
    series = walks(9, 3)
    windows = Windows(encoding(series), series, L, H, target=True)
    assert windows.series(slice(None)).tolist() == [0] * 8 + [1] * 2
    assert windows.origins(slice(None)).tolist() == [4, 5, 6, 7] * 2 + [1] * 2
    np.testing.assert_array_equal(
        windows.x["ids"][np.array([0, 4, 8, 9])], [[0, 0, 0], [1, 0, 0], [0, 1, 1], [1, 1, 1]]
    )
    np.testing.assert_allclose(windows.x["numbers"][np.array([0, 8])], [[-1.0], [1.0]])


def test_nothing_is_gathered_before_it_is_asked_for():
    series = [Series(np.random.default_rng(0).normal(size=(50_000, 3)))]
    windows = Windows(encoding(series), series, 500, 100, target=True)
    assert len(windows) == 3 * (50_000 - 600 + 1)
    held = windows.x["history"].source.nbytes + windows.starts.nbytes
    assert held < 3 * 50_000 * 4 + 8 * len(windows) + 100 < len(windows) * 500 * 4 / 100


def test_targets_of_a_later_part_begin_where_it_begins_and_look_back_before():
    [whole] = walks(20)
    windows = Windows(encoding([whole]), [whole.cut(20, start=15)], L, H, target=True)
    assert sorted(set(windows.origins(slice(None)))) == [15, 16, 17, 18]
    np.testing.assert_array_equal(
        windows.x["history"][:1], Windows(encoding([whole]), [whole], L, H, target=True).x["history"][11:12]
    )


def test_windows_without_a_value_on_one_side_are_left_out():
    [series] = walks(12, targets=1, gaps=[(step, 0) for step in (3, 4, 5, 6, 10, 11)])
    windows = Windows(encoding([series]), [series], L, H, target=True)
    assert windows.origins(slice(None)).tolist() == [6, 8, 9]  # 4 and 5 forecast nothing, 7 has nothing to go on, ...
    assert np.isfinite(windows.x["history"][:]).any(axis=1).all()
    gone = Series(np.r_[np.arange(8.0), [np.nan] * 4])
    with pytest.raises(DataError, match="all of the last 4 values"):
        Windows(encoding([gone]), [gone], L, H, target=False)


def test_the_scaler_sees_no_future():
    [series] = walks(30)
    changed = Series(series.values.copy(), past=series.past, known=series.known, group=series.group)
    changed.values[20:] = 1e6
    assert learn_scales([series.cut(20)], "standard", True) == learn_scales([changed.cut(20)], "standard", True)
    assert learn_scales([series], "standard", True) != learn_scales([changed], "standard", True)


@pytest.mark.parametrize("kind", ["standard", "robust", "none"])
def test_scales_are_those_of_numpy_and_by_series_only_where_asked(kind):
    series = walks(40, 60, targets=1)
    for own in (True, False):
        values = series[1].values if own else np.concatenate([each.values for each in series])
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
        expected = {"standard": (values.mean(), values.std()), "robust": (middle, (high - low) / 1.349), "none": (0, 1)}
        np.testing.assert_allclose(scale_of(learn_scales(series, kind, own), series[1])[:, 0], expected[kind])


def test_a_group_without_a_value_of_a_target_has_the_scale_of_all():
    first, second = walks(20, 30)
    second.values[:, 1] = np.nan
    scales = learn_scales([first, second], "standard", True)
    assert np.array(scales["groups"]["walk 1"])[:, 1].tolist() == np.array(scales["all"])[:, 1].tolist()
    np.testing.assert_allclose(scale_of(scales, second)[:, 0], [second.values[:, 0].mean(), second.values[:, 0].std()])


def test_a_constant_series_has_a_scale_of_one():
    assert learn_scales([Series(np.full(9, 1e9))], "standard", True)["all"] == [[1e9], [1.0]]


def test_what_was_not_in_training_is_named():
    series = walks(12)
    learned = encoding(series)
    stranger = Series(
        series[0].values, past=series[0].past, known=series[0].known, group="walk 9", static=series[0].static
    )
    with pytest.raises(DataError, match="group: 'walk 9' was not in training"):
        Windows(learned, [stranger], L, H, target=True)
    with pytest.raises(DataError, match="group: 'walk 9' was not in training; it knew walk 0"):
        Windows(encoding(series, per_series=False), [stranger], L, H, target=True)
    short = Series(
        series[0].values,
        past=series[0].past,
        known=series[0].known[:13],
        group="walk 0",
        static=series[0].static,
        roles=Roles(("a", "b"), past=("p",), known=("k",)),
    )
    with pytest.raises(DataError, match="must be known 2 steps ahead, got 1 of 'walk 0'"):
        Windows(learned, [short], L, H, target=False)
    short.past[3] = np.nan
    with pytest.raises(DataError, match="values are missing, and none were in training"):
        Windows(learned, [short], L, H, target=True)
