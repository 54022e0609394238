"""What a topology becomes: shell scripts that make the network, and nginx's configuration.

Pure text, in the commands that an operator would type, each run inside its namespace.
"""

from pathlib import Path

from trimaran.lab.topology import INTERFACE, LAN, Director, Host, Topology, WebServer


def namespaces(prefix: str, topology: Topology) -> dict[str, str]:
    """Host, or LAN, → the name of its network namespace."""
    return {name: f"{prefix}-{name}" for name in (LAN, *topology.host)}


def lan_script(topology: Topology, names: dict[str, str]) -> str:
    """The bridge, in a namespace of its own, and a cable (a veth pair) to every host."""
    lines = [
        "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1",
        "sysctl -eqw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-arptables=0",
        "ip link add name br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
        "ip link set dev br0 up",
    ]
    for name in topology.host:
        lines += [
            f"ip link add name {name} type veth peer name {INTERFACE} netns {names[name]}",
            f"ip link set dev {name} master br0 up",
        ]
    return "\n".join(lines) + "\n"


def host_script(topology: Topology, host: Host) -> str:
    """A host's interface and, on a real server for direct routing, its silent VIPs.

    Checksums are computed by the sender (`tx off`): a director forwards packets from XDP,
    below the place where a veth pair would leave them unwritten.
    """
    lines = ["ip link set dev lo up"]
    if isinstance(host, WebServer):
        lines += [
            f"sysctl -qw net.ipv4.conf.{device}.arp_ignore=1 net.ipv4.conf.{device}.arp_announce=2"
            for device in ("all", INTERFACE)
        ]
        lines += [f"ip address add {vip}/32 dev lo" for vip in host.virtual_addresses]
    lines += [
        f"ethtool -K {INTERFACE} tx off",
        f"ip address add {host.address}/{topology.network.prefixlen} dev {INTERFACE}",
        f"ip link set dev {INTERFACE} up",
    ]
    return "\n".join(lines) + "\n"


def service_command(host: Host, directory: Path) -> list[str] | None:
    """The command of a host's service; `directory` is the host's own, with its files."""
    if isinstance(host, Director):
        if host.program == "keepalived":
            return _keepalived(directory)
        return ["trimaran", "run", "-f", str(directory / "trimaran.conf"), *_dataplane(host)]
    if isinstance(host, WebServer):
        return ["nginx", "-e", "stderr", "-c", str(directory / "nginx.conf")]
    return None


def _dataplane(director: Director) -> list[str]:
    return [] if director.dataplane == "auto" else ["--dataplane", director.dataplane]


def _keepalived(directory: Path) -> list[str]:
    """keepalived in the foreground, with every path in `directory`."""
    words = ["keepalived", "--dont-fork", "--log-console", "--log-detail"]
    words += [f"--use-file={directory}/trimaran.conf", f"--pid={directory}/keepalived.pid"]
    return words + [f"--{child}_pid={directory}/{child}.pid" for child in ("vrrp", "checkers")]


def nginx_config(directory: Path) -> str:
    """nginx in the foreground, with every path in `directory`, serving `directory`/html."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"    {kind}_temp_path {directory}/{kind};" for kind in kinds)
    return f"""\
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr;
events {{ worker_connections 16384; }}
http {{
    access_log {directory}/access.log;
{temporary}
    types {{ }}
    default_type text/plain;
    keepalive_timeout 600s;
    keepalive_requests 100000;
    server {{
        listen 80;
        root {directory}/html;
    }}
}}
"""
