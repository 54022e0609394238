"""Keywords of keepalived that trimaran does not have, and why, where there is more to say."""

from typing import Final

_SCHEDULE: Final = "reload from a timer: 'trimaran reload'"
_SYSTEMD: Final = "write ExecStartPre= or ExecStopPost= in the systemd unit"

WHY: Final = {
    ("(top)", "static_ipaddress"): "write it in the host's own network configuration",
    ("(top)", "net_namespace_ipvs"): "services are where the virtual routers are: net_namespace",
    ("(top)", "namespace_with_ipsets"): "no ipsets are made: leave it out",
    ("global_defs", "startup_script"): _SYSTEMD,
    ("global_defs", "startup_script_timeout"): _SYSTEMD,
    ("global_defs", "shutdown_script"): _SYSTEMD,
    ("global_defs", "shutdown_script_timeout"): _SYSTEMD,
    ("global_defs", "reload_time_file"): _SCHEDULE,
    ("global_defs", "reload_repeat"): _SCHEDULE,
    ("global_defs", "reload_file"): "'trimaran reload' ends when the reload is done",
}
"""Block and keyword → what to do instead, or why there is nothing to be done."""
