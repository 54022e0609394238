"""Bidirectional Forwarding Detection: is the path to a neighbour good? (RFC 5880, RFC 5881)

Asynchronous mode over a single hop, as keepalived has it; no echo function, no authentication.
In the form of `trimaran.vrrp`: a codec, and a machine that takes events and the time and returns
actions.
"""
