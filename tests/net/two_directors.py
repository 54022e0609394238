"""Two directors joined by two cables, with a configuration of the test's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from watching import fresh_prefix

from trimaran.lab import lab as labs
from trimaran.lab.host import LabHost, run_in, wait_until

PRIORITIES = {"lb1": 150, "lb2": 100}


@contextmanager
def two_directors(config: str) -> Iterator[tuple[LabHost, LabHost]]:
    """lb1 and lb2 on eth1 (a bridge) and eth2 (a cable), running.

    In `config` PRIORITY stands for 150 on lb1 and 100 on lb2, HOST for the director's name.
    """
    with labs.running(fresh_prefix(), services=False) as lab:
        one, two = lab.host("lb1"), lab.host("lb2")
        link = ["ip", "link", "add", "eth2", "netns", one.namespace, "type", "veth"]
        run_in(one.namespace, [*link, "peer", "eth2", "netns", two.namespace])
        for number, director in enumerate((one, two), start=1):
            director.run(["ip", "address", "add", f"10.2.0.{number}/24", "dev", "eth2"])
            director.run(["ip", "link", "set", "eth2", "up"])
        for director in (one, two):
            configure(director, config)
            director.start_service()
        try:
            yield one, two
        finally:
            for director in (one, two):
                print(f"--- {director.name}:\n{director.log}")


def configure(director: LabHost, config: str) -> None:
    """Write a director's file."""
    text = config.replace("PRIORITY", str(PRIORITIES[director.name]))
    (director.directory / "trimaran.conf").write_text(text.replace("HOST", director.name))


def routers(director: LabHost) -> dict[str, dict[str, Any]]:
    """The virtual routers of a director by name, as `trimaran status` shows them."""
    status = director.status()
    return {router["name"]: router for router in status["virtual_routers"]} if status else {}


def states(director: LabHost) -> str:
    """Their states: `MASTER MASTER`."""
    return " ".join(router["state"] for router in routers(director).values())


def wait_for(director: LabHost, wanted: str, seconds: float = 20) -> None:
    """Wait until its virtual routers are in these states."""
    wait_until(f"{director.name} is {wanted}", lambda: states(director) == wanted, seconds)


def has(director: LabHost, address: str, device: str = "eth1") -> bool:
    """Whether the kernel has an address on a device."""
    return f" {address}/" in director.output(["ip", "address", "show", "dev", device])
