"""Three namespaces in a row for benchmarks: what l0 takes in is the work of one kernel thread.

    gen (g0) -- (l0) lb (l1) -- (s0) srv

Frames of BPF_PROG_TEST_RUN leave g0. Threaded NAPI gives each interface a thread; l0's has a CPU
for itself, and its time is what is measured. Whatever reaches g0 or s0 is counted and dropped in
threads on the other CPU (xdpbench/traffic.bpf.c).
"""

import contextlib
import ctypes
import os
import shlex
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from trimaran.dataplane.xdp import libbpf
from trimaran.net.namespaces import enter

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "xdp"))


BUILT = Path(__file__).parents[1] / "build" / "xdpbench"
PREFIX = "trimaran-bench-"
GEN, LB, SRV = PREFIX + "gen", PREFIX + "lb", PREFIX + "srv"
INTERFACES = {"g0": GEN, "l0": LB, "l1": LB, "s0": SRV}
MACS = {name: bytes((2, 0, 0, 0, 0x77, n)) for n, name in enumerate(INTERFACES)}
WORK_CPU, REST_CPU = 1, 0
SOURCE = np.dtype(
    [
        ("template", "u1", (64,)),
        ("mask", "<u4"),
        ("sum", "<u4"),
        ("next", "<u8"),
        ("arrived", "<u8"),
    ]
)
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def sh(command: str, namespace: str = "", stdin: str = "") -> str:
    """A command, in a namespace; its output. Raises with what it said."""
    words = (["ip", "netns", "exec", namespace] if namespace else []) + shlex.split(command)
    done = subprocess.run(words, capture_output=True, text=True, input=stdin)
    if done.returncode:
        raise OSError(f"{command}: {done.stderr.strip()}")
    return done.stdout


@contextlib.contextmanager
def within(namespace: str) -> Iterator[None]:
    """This thread is in a namespace for as long."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        enter(namespace)
        yield
    finally:
        _libc.setns(before, _CLONE_NEWNET)
        os.close(before)


class Network:
    """The namespaces, their threads, and both ends of the traffic; a context."""

    def __enter__(self) -> "Network":
        _remove()
        _make()
        threads = napi_threads()
        self._threads = {device: threads[device] for device in INTERFACES}
        for device, thread in self._threads.items():
            os.sched_setaffinity(thread, {WORK_CPU if device == "l0" else REST_CPU})
            # Ahead of who sends: a ring that nobody empties in time drops what it gets.
            os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(1))
        self._programs = libbpf.BpfObject(BUILT / "traffic.bpf.o")
        self._programs.load()
        memory = libbpf.map_memory(self._programs.map_descriptor("sources"), 4096, writable=True)
        self.source = np.frombuffer(memory, dtype=SOURCE, count=1)[0:1]
        sink = self._programs.program_descriptor("sink")
        for device, namespace in (("g0", GEN), ("s0", SRV)):
            with within(namespace):
                index = socket.if_nametoindex(device)
                libbpf.xdp_attach(index, sink, libbpf.XDP_FLAGS_DRV_MODE)
        return self

    def __exit__(self, *error: object) -> None:
        self._programs.close()
        _remove()

    def aim(self, frame: bytes, flows: int) -> None:
        """What is sent from now on: this frame, from so many clients (a power of two)."""
        frame = (MACS["l0"] + MACS["g0"] + frame[12:]).ljust(64, b"\0")
        header = frame[14:24] + bytes(6) + frame[30:34]
        self.source["template"] = np.frombuffer(frame[:64], dtype="u1")
        words = struct.unpack("<10H", header)
        self.source["sum"] = sum(words)
        self.source["mask"] = flows - 1
        self.source["next"] = 0

    def send(self, packets: int, *, gently: bool = False) -> tuple[int, int]:
        """Send so many; how many arrived, and nanoseconds of l0's thread.

        Too many at once overflow l0's ring, unless `gently`: from l0's own CPU.
        """
        arrived, spent = int(self.source["arrived"][0]), self._spent()
        sender = threading.Thread(
            target=self._generate, args=(packets, WORK_CPU if gently else REST_CPU)
        )
        sender.start()
        sender.join()
        before = -1
        while before != (before := int(self.source["arrived"][0])):
            time.sleep(0.02)
        return before - arrived, self._spent() - spent

    @property
    def thread(self) -> int:
        """l0's."""
        return self._threads["l0"]

    def _generate(self, packets: int, cpu: int) -> None:
        os.sched_setaffinity(threading.get_native_id(), {cpu})
        with within(GEN):
            context = struct.pack("6I", 0, 64, 0, socket.if_nametoindex("g0"), 0, 0)
            libbpf.run(
                self._programs.program_descriptor("generate"),
                data=bytes(64),
                context=context,
                repeat=packets,
                flags=libbpf.TEST_LIVE_FRAMES,
            )

    def _spent(self) -> int:
        """Nanoseconds that l0's thread has run."""
        return process_time(self._threads["l0"])


def aim_redirect(programs: libbpf.BpfObject, mac: bytes, source: bytes, interface: str) -> None:
    """Where the program `redirect` of nop.bpf.c sends everything."""
    way = mac + source + socket.if_nametoindex(interface).to_bytes(4, sys.byteorder)
    libbpf.update(programs.map_descriptor("way"), bytes(4), way)


def _make() -> None:
    for namespace in (GEN, LB, SRV):
        sh(f"ip netns add {namespace}")
        quiet = "net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1"
        sh(f"sysctl -qw {quiet}", namespace)
        sh("ip link set lo up", namespace)
    single = "numrxqueues 1 numtxqueues 1"
    for one, other in (("g0", "l0"), ("l1", "s0")):
        sh(
            f"ip link add {one} netns {INTERFACES[one]} address {MACS[one].hex(':')} {single} type "
            f"veth peer name {other} netns {INTERFACES[other]} "
            f"address {MACS[other].hex(':')} {single}"
        )
    for device, namespace in INTERFACES.items():
        sh(f"ethtool -K {device} gro on", namespace)
        sh(f"ip link set {device} up", namespace)
        sh(f"tee /sys/class/net/{device}/threaded", namespace, "1")


def _remove() -> None:
    for namespace in (GEN, LB, SRV):
        if Path("/run/netns", namespace).exists():
            sh(f"ip netns del {namespace}")


def process_time(pid: int) -> int:
    """Nanoseconds that a process or a kernel thread has run (proc(5), schedstat)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def threads_named(prefix: str) -> dict[int, str]:
    """Processes and kernel threads whose names begin so, by number, the newest last."""
    found = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit():
                name = (entry / "comm").read_text().strip()
                if name.startswith(prefix):
                    found[int(entry.name)] = name
    return dict(sorted(found.items()))


def napi_threads() -> dict[str, int]:
    """Interface → its thread: the newest of its name."""
    names = threads_named("napi/").items()
    return {name.removeprefix("napi/").partition("-")[0]: thread for thread, name in names}
