"""FRR's vrrpd on a host of the network: version 3, with its device made by hand.

It wants a macvlan device with the virtual MAC address and the virtual addresses, which it takes
down (protodown) while it is backup.
"""

import json
from pathlib import Path
from shutil import chown
from tempfile import TemporaryDirectory

from vrrp_network import Router, ip, wait_for

PROGRAMS = Path("/usr/lib/frr")
VRID = 51


class FrrRouter:
    """vrrpd, and zebra which tells it of interfaces. Adverts every 200 ms."""

    def __init__(self, router: Router) -> None:
        self.router = router
        # FRR gives up root's rights, and pytest's directories are root's.
        self._home = TemporaryDirectory(prefix="trimaran-frr-")

    def start(self, priority: int, vip: str) -> None:
        """Run it with this address."""
        router, home = self.router, self._home.name
        router.program = "frr"
        router.directory.mkdir(exist_ok=True)
        chown(home, "frr", "frr")
        ipv6 = ":" in vip
        device, kind = f"vrrp{6 if ipv6 else 4}-1", "ipv6" if ipv6 else "ip"
        ip("-n", router.namespace, "link", "add", device, "link", "eth0", "type", "macvlan",
           "mode", "bridge")  # fmt: skip
        mac = f"00:00:5e:00:0{2 if ipv6 else 1}:{VRID:02x}"
        ip("-n", router.namespace, "link", "set", device, "address", mac, "addrgenmode", "none")
        nodad = ["nodad"] if ipv6 else []
        length = 64 if ipv6 else 24
        ip("-n", router.namespace, "address", "add", f"{vip}/{length}", "dev", device, *nodad)
        ip("-n", router.namespace, "link", "set", device, "up")
        (Path(home) / "zebra.conf").touch()
        (Path(home) / "vrrpd.conf").write_text(
            f"interface eth0\n vrrp {VRID} version 3\n vrrp {VRID} priority {priority}\n"
            f" vrrp {VRID} advertisement-interval 200\n vrrp {VRID} {kind} {vip}\n"
        )
        for name in ("zebra", "vrrpd"):
            command = [str(PROGRAMS / name), "-f", f"{home}/{name}.conf", "--log", "stdout"]
            command += ["-z", f"{home}/zserv.api", "-i", f"{home}/{name}.pid"]
            router.spawn([*command, "--vty_socket", home])
            wait_for("zebra listens", (Path(home) / "zserv.api").exists)

    def stop(self) -> None:
        """Stop it, and take its device away."""
        self.router.stop()
        for device in ("vrrp4-1", "vrrp6-1"):
            self.router.run("ip", "link", "delete", device)
        self._home.cleanup()
        self._home = TemporaryDirectory(prefix="trimaran-frr-")

    def is_master(self) -> bool:
        """As it says itself."""
        asked = self.router.run(
            "vtysh", "--vty_socket", self._home.name, "-c", "show vrrp json"
        ).stdout
        found = json.loads(asked) if asked.startswith("[") else []
        return any(
            family.get("status") == "Master"
            for one in found
            for family in (one.get("v4", {}), one.get("v6", {}))
        )

    def close(self) -> None:
        """Leave nothing behind; the network ends what still runs."""
        self._home.cleanup()
