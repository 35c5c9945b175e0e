"""The width at which a model has as many parameters as another."""

from rnnkit.errors import ArgumentError

WIDEST = 8192


def matching_units(parameters: int, count) -> int:
    """The number of units whose model comes closest to so many parameters.

    Args:
        parameters: how many there should be.
        count: units -> parameters of a model; more units, more parameters.

    Raises:
        ArgumentError: more units would be needed than anyone wants.
    """
    low, high = 1, 2
    while count(high) < parameters:
        low, high = high, 2 * high
        if high > WIDEST:
            raise ArgumentError(
                f"match_parameters: {parameters} parameters need more than {WIDEST} units. Begin with a smaller cell."
            )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < parameters else (low, middle)
    return min((low, high), key=lambda units: abs(count(units) - parameters))
