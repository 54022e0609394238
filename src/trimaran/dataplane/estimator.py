"""Rates as the kernel's IPVS estimator computes and shows them (ipvs-semantics 5.2).

Fixed point, smoothed over about 8 s: every 2 s `average += (rate - average) / 4`. Works on
whole arrays, whose last axis is connections, packets in and out, bytes in and out.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from trimaran.model.duration import SECOND

PERIOD: Final = 2 * SECOND

# Connections and packets are kept times 2^10, bytes times 2^5.
_SHIFT: Final = np.array([10, 10, 10, 5, 5], dtype=np.int64)


def estimate(average: NDArray[np.int64], delta: NDArray[np.int64]) -> NDArray[np.int64]:
    """The average after one more period in which `delta` was counted."""
    rate = delta << (_SHIFT - 1)
    return average + ((rate - average) >> 2)


def shown(average: NDArray[np.int64]) -> NDArray[np.int64]:
    """Per second, rounded for display as the kernel does."""
    return (average + (np.int64(1) << (_SHIFT - 1)) - 1) >> _SHIFT
