"""Health checks, in pure form: when an attempt starts, how it is judged, which servers are fit.

The daemon's checker does the talking (`trimaran.daemon.checker`). Nothing here reads a clock or
opens a socket: instants come in as integer nanoseconds, chance comes in as a number.
"""
