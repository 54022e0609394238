"""Keywords of keepalived that trimaran does not have, and why, where there is more to say."""

from typing import Final

_SCHEDULE: Final = "reload from a timer: 'trimaran reload'"

WHY: Final = {
    ("(top)", "static_ipaddress"): "write it in the host's own network configuration",
    ("(top)", "net_namespace_ipvs"): "services are where the virtual routers are: net_namespace",
    ("(top)", "namespace_with_ipsets"): "no ipsets are made: leave it out",
    ("global_defs", "reload_time_file"): _SCHEDULE,
    ("global_defs", "reload_repeat"): _SCHEDULE,
    ("global_defs", "reload_file"): "'trimaran reload' ends when the reload is done",
}
"""Block and keyword → what to do instead, or why there is nothing to be done."""
