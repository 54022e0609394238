"""A director's link made slow, in tc(8)'s words.

A queue at the director itself would come after its XDP program, so the link is shaped where
packets enter it: at the switch's port. Of direct routing, where a director sees only what clients
send and passes on as much as it gets, that limits both directions.
"""

QUEUE_MILLISECONDS = 40
"""How much of the load may wait for a link, at its speed; more is dropped."""

_CONTROL_SHARE = 100
_BURST = 15_000  # bytes, 6 ms at 20 Mbit/s: what a late timer may make up for


def script(port: str, bits_per_second: int) -> str:
    """Limit what leaves the switch through `port`, Ethernet headers counted.

    UDP, the load, waits in a queue of its own. All else (VRRP, ARP) goes first, as on switches
    that honour the precedence of VRRP's packets; so that what an overload costs is measured in
    the load, and not in elections.
    """
    control = bits_per_second // _CONTROL_SHARE
    burst = f"burst {_BURST} cburst {_BURST} quantum 3000"
    limit = bits_per_second // 8 * QUEUE_MILLISECONDS // 1000
    return f"""\
tc qdisc add dev {port} root handle 1: htb default 10
tc class add dev {port} parent 1: classid 1:1 htb rate {bits_per_second}bit {burst}
tc class add dev {port} parent 1:1 classid 1:10 htb \
rate {control}bit ceil {bits_per_second}bit prio 0 {burst}
tc class add dev {port} parent 1:1 classid 1:20 htb \
rate {bits_per_second - control}bit ceil {bits_per_second}bit prio 1 {burst}
tc qdisc add dev {port} parent 1:20 handle 20: bfifo limit {limit}
tc filter add dev {port} parent 1: protocol ip u32 match ip protocol 17 0xff flowid 1:20
"""
