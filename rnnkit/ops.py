"""Operations for layers of your own."""

from rnnkit.recurrent.linear_scan import linear_scan

__all__ = ["linear_scan"]
