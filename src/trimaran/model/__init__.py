"""What an operator means: virtual routers, virtual services, real servers and their checks.

Frozen, typed and comparable, so that a reload is the difference of two values. Nothing here
parses or does I/O. Durations are integers in nanoseconds, so that simulated time is exact.
"""
