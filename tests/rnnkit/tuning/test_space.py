import inspect

import keras
import keras_tuner
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.callbacks.clipping_rules import RULES
from rnnkit.errors import ArgumentError
from rnnkit.initializers import Chrono
from rnnkit.tuning.space import Asked, Choice, Fixed, Range, default_space, read_part


def asked(part):
    """What a part says by default, and the values that KerasTuner knows for it."""
    hp = keras_tuner.HyperParameters()
    return part.ask(hp, "part"), hp


@pytest.mark.parametrize("value", [3, 0.5, "gru", None, True, keras.layers.GRU, keras.activations.relu, Chrono(9)])
def test_any_other_value_is_fixed(value):
    part = read_part("part", value)
    assert isinstance(part, Fixed)
    found, hp = asked(part)
    assert found is value
    assert not hp.space


@given(st.lists(st.one_of(st.integers(), st.text(min_size=1), st.none(), st.booleans()), min_size=1, unique_by=str))
def test_a_choice_gives_back_each_of_its_values(values):
    part = read_part("part", values)
    for label, value in part.labels.items():
        hp = keras_tuner.HyperParameters()
        hp.values["part"] = label
        assert part.ask(hp, "part") is value
    assert list(part.labels.values()) == values


def test_ranges_are_whole_or_not_and_searched_by_orders_of_magnitude_where_they_are_wide():
    _, hp = asked(read_part("part", (1, 8)))
    assert isinstance(hp.space[0], keras_tuner.engine.hyperparameters.Int)
    _, hp = asked(read_part("part", (1e-4, 1e-2)))
    assert hp.space[0].get_config()["sampling"] == "log"
    _, hp = asked(read_part("part", (0.0, 0.5)))
    assert hp.space[0].get_config()["sampling"] == "linear"
    assert (hp.space[0].min_value, hp.space[0].max_value) == (0.0, 0.5)


def test_a_function_of_hp_is_asked():
    part = read_part("part", lambda hp: hp.Int("mine", 2, 8, step=2) + 1)
    assert isinstance(part, Asked)
    found, hp = asked(part)
    assert (found, [each.name for each in hp.space]) == (3, ["mine"])


@pytest.mark.parametrize("value", [[], (1,), (2, 1), (1, 1), ("a", "b"), (1, 2, 3), (True, 2)])
def test_what_is_no_part(value):
    with pytest.raises(ArgumentError, match="^dropout: expected a"):
        read_part("dropout", value)


def test_the_default_space_has_the_usual_cells_and_the_range_of_each_rule_holds_its_default():
    assert default_space("sentiment")["cell"] == ["lstm", "gru", "simple_rnn"]
    for rule in RULES.values():
        [first, *_] = inspect.signature(rule).parameters.values()
        assert rule.searched[0] <= first.default <= rule.searched[1]


def test_words():
    assert str(Choice(("lstm", None))) == "one of lstm, none"
    assert str(Range(1e-4, 1e-2)) == "0.0001 to 0.01 by orders of magnitude"
    assert str(Fixed(keras.layers.GRU)) == "GRU (fixed)"
    assert str(Fixed(Chrono(9))) == str(Fixed(Chrono(9)))
