"""Forecasts of a series that grows row by row."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnkit.datasets.series import Series, series_of
from rnnkit.datasets.time_grid import read_stamps
from rnnkit.errors import ArgumentError, DataError
from rnnkit.tasks.forecasting.frames import with_future
from rnnkit.tasks.forecasting.scaling import scale_of

if TYPE_CHECKING:
    import pandas as pd

    from rnnkit.tasks.forecasting.answers import Answers

ZONE, DROPPED = "time zone", "steps before"  # entries of a state that are no columns


class ForecastStream:
    """One series as it comes in; `Forecaster.stream` makes it.

        stream = model.stream(history, group="shop 1", quantiles=[0.05, 0.95])
        forecast = stream.push({"date": "2024-03-01 09:00", "load": 41.5, "holiday": 0})

    Each forecast is that of `Forecaster.forecast` on all rows so far. Only the rows of the last `lookback` steps are
    kept, and the network reads all of them each time, so a bidirectional stack works as well. It is no
    `rnnkit.layers.stream.Stream`: its state holds rows and nothing of a network, NaN among them, and suits any model of
    the same columns.

    Args:
        model: trained.
        history: rows up to now, as for `push`; None starts with nothing.
        group: which series it is, of a model with groups.
        steps, quantiles: as for `Forecaster.forecast`.

    Raises:
        ArgumentError: the model has groups and none is given, or its rows cannot be told apart.
        DataError: a group that was not in training, or from `push`, rows that cannot be used; these change nothing.
    """

    def __init__(
        self,
        model: "Answers",
        history: Any = None,
        group: Any = None,
        steps: int | None = None,
        quantiles: Sequence[float] = (),
    ):
        self._model, self._roles, self._group = model, model.roles, group
        self._steps, self._quantiles = steps, quantiles
        self._kept: pd.DataFrame | None = None
        self._dropped = 0
        self._check_roles()
        if history is not None:
            self._kept, self._dropped = self._with(history, None)

    def reset(self) -> None:
        """Forgets all rows."""
        self._kept, self._dropped = None, 0

    def push(self, rows: Any, future: Any = None) -> "pd.DataFrame":
        """Takes what has come, and forecasts what comes next.

        Args:
            rows: a mapping with the columns of the training frame, or a frame of such rows, later than those before; of
                a model trained on arrays, shape (C,) or (steps, C). NaN, and steps that are left out, are missing
                values. The group may be left out.
            future: a frame with what is known of the steps ahead, as for `Forecaster.forecast`. It is kept until these
                steps have come, and may be given again.

        Returns:
            The forecast, as of `Forecaster.forecast`.
        """
        kept, dropped = self._with(rows, future)
        found = self._model.forecast(kept, self._steps, self._quantiles)
        if self._roles.time is None:
            found["step"] += dropped
        self._kept, self._dropped = kept, dropped
        return found

    @property
    def state(self) -> dict[str, np.ndarray]:
        """The rows that are kept, by column: plain arrays that can be saved, and set as the state of another stream."""
        import pandas as pd

        if self._kept is None:
            return {}
        roles, columns = self._roles, dict(self._kept.items())
        state = {DROPPED: np.array(self._dropped)}
        for name in (*roles.target, *roles.past, *roles.known):
            columns[name] = pd.to_numeric(columns[name])
        if roles.time is not None and (zone := _zone(columns[roles.time])) is not None:
            state[ZONE] = np.array(str(zone))
            columns[roles.time] = columns[roles.time].dt.tz_convert("UTC").dt.tz_localize(None)
        arrays = {str(name): column.to_numpy() for name, column in columns.items()}
        return state | {name: each.astype(str) if each.dtype == object else each for name, each in arrays.items()}

    @state.setter
    def state(self, state: Mapping[str, np.ndarray]) -> None:
        import pandas as pd

        self.reset()
        if not state:
            return
        if DROPPED not in state:
            raise DataError(f"state: expected arrays that a stream gave as its state, got {', '.join(state):.80}.")
        kept = pd.DataFrame({name: state[name] for name in state if name not in (ZONE, DROPPED)})
        if ZONE in state:
            time = kept[self._roles.time].dt.tz_localize("UTC")
            kept[self._roles.time] = time.dt.tz_convert(str(state[ZONE]))
        self._kept, self._dropped = self._frame(kept), int(state[DROPPED])

    def _check_roles(self) -> None:
        learned, group = self._model._learned or {}, self._group
        if (group is None) != (self._roles.group is None):
            wanted = "no group, as the model has none" if group is not None else "the name of a series"
            raise ArgumentError(f"group: expected {wanted}, got {group!r}.")
        if len(learned["columns"]) != len(self._roles.past) + len(self._roles.known):
            raise ArgumentError("stream: the covariates have no names. Train on a frame, or on Series with roles=.")
        if self._roles.known and self._roles.time is None:
            raise ArgumentError(
                "stream: known columns need time stamps that say which step each is of. Train with time=."
            )
        scale_of(learned["scales"], Series(np.zeros(len(learned["targets"])), group=group))

    def _with(self, rows: Any, future: Any) -> tuple["pd.DataFrame", int]:
        """The rows to keep when these have come, and how many steps were dropped so far."""
        import pandas as pd

        time, group = self._roles.time, self._roles.group
        if future is not None and group is not None and group not in future:
            future = future.assign(**{group: self._group})
        kept = self._frame(with_future(self._read(rows), future, self._roles))
        if self._kept is not None:
            kept = pd.concat(self._joined(self._kept, kept), ignore_index=True)
        if time is not None:
            kept = kept.sort_values(time, ignore_index=True, kind="stable")
        for name in self._roles.static:
            kept[name] = kept[name].ffill()
        [series] = series_of(kept, self._roles)
        first = len(series) - self._model.lookback
        if first <= 0:
            return kept, self._dropped
        if time is None:
            return kept[first:].reset_index(drop=True), self._dropped + first
        at = int(kept[time].searchsorted(series.index[first], side="right")) - 1  # a gap may begin before the window
        return kept[at:].reset_index(drop=True), self._dropped

    def _joined(self, before: "pd.DataFrame", new: "pd.DataFrame") -> list["pd.DataFrame"]:
        """The rows that are kept, less what new ones say again of the steps ahead, and the new ones."""
        name = self._roles.time
        if name is not None:
            if (zone := _zone(before[name])) is not None and _zone(new[name]) is not None:
                new = new.assign(**{name: new[name].dt.tz_convert(zone)})
            if new[name].dtype.kind != before[name].dtype.kind or _zone(new[name]) != zone:
                raise DataError(f"time: expected stamps like {before[name].iloc[-1]}, got {new[name].iloc[0]}.")
            past = before if not self._roles.known else before.dropna(subset=list(self._roles.target), how="all")
            first, last = new[name].min(), past[name].max()
            if first <= last:
                raise DataError(f"time: expected steps after {last}, the last one so far, got {first}.")
            before = before[~before[name].isin(new[name])]
        return [before, new]

    def _read(self, rows: Any) -> "pd.DataFrame":
        import pandas as pd

        if isinstance(rows, pd.DataFrame):
            return rows
        if isinstance(rows, (Mapping, pd.Series)):
            return pd.DataFrame([dict(rows)])
        if self._roles.time is not None or self._roles.past or self._roles.static:
            raise DataError(f"rows: expected a mapping with the columns of training, or a frame, got {rows!r:.60}.")
        values = Series(np.atleast_2d(np.asarray(rows))).values
        if values.shape[1] != len(self._roles.target):
            raise DataError(f"rows: expected {len(self._roles.target)} targets, got shape {np.shape(rows)}.")
        return pd.DataFrame(values, columns=list(self._roles.target))

    def _frame(self, new: "pd.DataFrame") -> "pd.DataFrame":
        """The columns that count, with time stamps, of this group."""
        roles = self._roles
        several = (*roles.target, *roles.past, *roles.known, *roles.static)
        if roles.group is not None:
            others = new[roles.group].dropna() if roles.group in new else new.iloc[:0, 0]
            if (others.astype(str) != str(self._group)).any():
                raise DataError(f"group: this stream is of {self._group!r}, got a row of {others.iloc[0]!r}.")
            new = new.assign(**{roles.group: self._group})
        wanted = [*(each for each in (roles.time, roles.group) if each is not None), *several]
        if missing := [name for name in wanted if name not in new]:
            raise DataError(f"rows: there is no column {', '.join(missing)}. Give the columns of the training frame.")
        new = new[wanted].reset_index(drop=True)
        return new if roles.time is None else new.assign(**{roles.time: read_stamps(roles.time, new[roles.time])})


def _zone(column: "pd.Series"):
    import pandas as pd

    return column.dt.tz if isinstance(column.dtype, pd.DatetimeTZDtype) else None
