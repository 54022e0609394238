"""Units of time. All durations and instants inside trimaran are integer nanoseconds."""

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
