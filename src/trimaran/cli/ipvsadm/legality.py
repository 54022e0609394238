"""Which options go with which command, and with which tunnel (ipvs-semantics 7.2)."""

from collections.abc import Collection, Mapping

from trimaran.cli.ipvsadm.options import OPTIONS, UsageError

_NAMES = tuple(dict.fromkeys(option.name for option in OPTIONS))

_SERVICE = {"service-address"}
_SERVICE_OPTIONS = {"scheduler", "persistent", "netmask", "ops", "pe", "sched-flags"}
_TUNNEL_CHECKSUMS = ("tun-nocsum", "tun-csum", "tun-remcsum")
_TUNNEL_OPTIONS = {"tun-type", "tun-port", *_TUNNEL_CHECKSUMS}
_SERVER_OPTIONS = {
    *("forwarding-method", "weight", "u-threshold", "l-threshold"),
    *_TUNNEL_OPTIONS,
}
_COUNTERS = {"stats", "rate", "thresholds"}

_REQUIRED: Mapping[str, Collection[str]] = {
    "add-service": _SERVICE,
    "edit-service": _SERVICE,
    "delete-service": _SERVICE,
    "add-server": {"service-address", "real-server"},
    "edit-server": {"service-address", "real-server"},
    "delete-server": {"service-address", "real-server"},
}

_ALLOWED: Mapping[str, Collection[str]] = {
    "add-service": _SERVICE_OPTIONS,
    "edit-service": _SERVICE_OPTIONS,
    "add-server": _SERVER_OPTIONS,
    "edit-server": _SERVER_OPTIONS,
    "save": {"numeric"},
    "zero": _SERVICE,
    "start-daemon": {
        *("mcast-interface", "syncid", "mcast-group", "mcast-port", "mcast-ttl", "sync-maxlen"),
    },
    "stop-daemon": {"syncid"},
    "list": {
        *("numeric", "connection", "service-address", "timeout", "daemon", "persistent-conn"),
        *("nosort", "syncid", "exact", "tun-info"),
        *_COUNTERS,
    },
}

_EXCLUSIVE: Mapping[str, Collection[str]] = {
    "list": {"connection", "service-address", "timeout", "daemon"}
}


def check_command(command: str, given: Collection[str]) -> None:
    """Refuse options that the command lacks, does not have, or does not have together."""
    required, allowed = _REQUIRED.get(command, ()), _ALLOWED.get(command, ())
    _check(f"'{command}' command", _NAMES, given, required, allowed, _EXCLUSIVE.get(command, ()))


def check_list(given: Collection[str]) -> None:
    """Refuse what only a list of services can show, of connections, timeouts and daemons."""
    others = {"timeout", "daemon"} & {*given}
    if ((others or "connection" in given) and _COUNTERS & {*given}) or (
        others and "persistent-conn" in given
    ):
        raise UsageError("options conflicts in the list command")


def check_tunnel(kind: str, given: Collection[str]) -> None:
    """Refuse options that a tunnel of this type lacks, does not have, or not together."""
    required, allowed = {
        "ipip": ((), ()),
        "gue": ({"tun-port"}, _TUNNEL_CHECKSUMS),
        "gre": ((), _TUNNEL_CHECKSUMS[:2]),
    }[kind]
    names = ("tun-port", *_TUNNEL_CHECKSUMS)
    _check(f"'{kind}' tunnel type", names, given, required, allowed, _TUNNEL_CHECKSUMS)


def has_tunnel_options(given: Collection[str]) -> bool:
    """Whether there is any option of tunnels."""
    return bool(_TUNNEL_OPTIONS & {*given})


def _check(
    what: str,
    names: Collection[str],
    given: Collection[str],
    required: Collection[str],
    allowed: Collection[str],
    exclusive: Collection[str],
) -> None:
    """In ipvsadm's order: by option, not by kind of mistake."""
    earlier = ""
    for name in names:
        if name not in given:
            if name in required:
                raise UsageError(f"You need to supply the '{name}' option for the {what}")
            continue
        if name not in required and name not in allowed:
            raise UsageError(f"Illegal '{name}' option with the {what}")
        if name in exclusive:
            if earlier:
                raise UsageError(
                    f"The option '{name}' conflicts with the '{earlier}' option in the {what}"
                )
            earlier = name
