"""The processes of a director: what each may do, how they talk, start, reload, stop, recover.

    steward ─┬─ speaker   VRRP; real-time, its advertisements wait for nothing
             ├─ checker   health checks; many sockets, no privileges over addresses
             └─ plane     the dataplane: services, neighbours, expiry

The steward starts and watches the others, is the middle of their messages, and owns the
configuration. Any child may die: it is started again and told the whole desired state.
"""
