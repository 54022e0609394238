"""Putting the program on interfaces: native mode where packets really get out, else generic.

Two traps of veth devices are avoided here. A frame sent in native mode is dropped unless the
peer polls by NAPI, which it does only with a program of its own or with GRO; so sending is tried
before native mode is kept. And senders leave checksums to be filled in, of which native mode
loses the mark; the program notices that (see bpf/checksum.h) and `fall_back` is called.
"""

import array
import errno
import fcntl
import os
import socket
import struct
from dataclasses import dataclass
from typing import Final

import numpy as np

from trimaran.dataplane.base import DataplaneError
from trimaran.dataplane.xdp import libbpf
from trimaran.dataplane.xdp.layout import INTERFACE, INTERFACES
from trimaran.dataplane.xdp.loader import Programs, attached_programs, is_ours
from trimaran.dataplane.xdp.tables import Tables

NATIVE: Final = "native"
GENERIC: Final = "generic"

_SIOCGIFMTU: Final = 0x8921
_SIOCGIFHWADDR: Final = 0x8927
_SIOCETHTOOL: Final = 0x8946
_ETHTOOL_GDRVINFO: Final = 0x03
_ETHTOOL_GSTRINGS: Final = 0x1B
_ETHTOOL_GSTATS: Final = 0x1D
_ETH_SS_STATS: Final = 1
_LOCAL_EXPERIMENTAL: Final = b"\x88\xb5"
_NOT_THERE: Final = {errno.EEXIST, errno.EBUSY, errno.ENODEV}
"""Of a detachment: another program is there (EBUSY: held by a link), none, or no interface."""
_KERNEL_SAID: Final = "Kernel error message: "
_FLAGS: Final = {NATIVE: libbpf.XDP_FLAGS_DRV_MODE, GENERIC: libbpf.XDP_FLAGS_SKB_MODE}


@dataclass(frozen=True, slots=True)
class Attachment:
    """How the program is on an interface; `reason` says why it is not native."""

    mode: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """What the program must know of an interface."""

    name: str
    index: int
    mac: bytes
    mtu: int
    driver: str


def read_link(interface: str) -> Link:
    """Asks the kernel (by ioctl: /sys may show another network namespace)."""
    try:
        index = socket.if_nametoindex(interface)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as query:
            request = struct.pack("16s24x", interface.encode())
            mac = fcntl.ioctl(query, _SIOCGIFHWADDR, request)[18:24]
            mtu = struct.unpack_from("i", fcntl.ioctl(query, _SIOCGIFMTU, request), 16)[0]
            driver = _driver_info(query, interface)[4:36]
    except OSError as error:
        raise DataplaneError(f"interface {interface}: {error.strerror or error}") from error
    return Link(interface, index, mac, mtu, driver.split(b"\0")[0].decode())


def _ethtool(query: socket.socket, interface: str, command: bytes) -> bytes:
    buffer = array.array("B", command)
    address, _ = buffer.buffer_info()
    try:
        fcntl.ioctl(query, _SIOCETHTOOL, struct.pack("16sP16x", interface.encode(), address))
    except OSError as error:
        if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL}:
            raise
        return bytes(len(command))
    return buffer.tobytes()


def _driver_info(query: socket.socket, interface: str) -> bytes:
    """`struct ethtool_drvinfo`; zeros when the driver has none."""
    return _ethtool(query, interface, struct.pack("I192x", _ETHTOOL_GDRVINFO))


def _frames_sent(interface: str) -> int:
    """A veth's count of XDP frames that its peer took."""
    name_size = 32
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as query:
        count = struct.unpack_from("I", _driver_info(query, interface), 180)[0]
        head = struct.pack("III", _ETHTOOL_GSTRINGS, _ETH_SS_STATS, count)
        names = _ethtool(query, interface, head + bytes(count * name_size))
        head = struct.pack("II", _ETHTOOL_GSTATS, count)
        values = _ethtool(query, interface, head + bytes(count * 8))
    total = 0
    for i in range(count):
        name = names[12 + i * name_size : 12 + (i + 1) * name_size].split(b"\0")[0]
        if name.endswith(b"_xdp_xmit"):
            total += struct.unpack_from("Q", values, 8 + 8 * i)[0]
    return total


def attach(
    interface: str, programs: Programs, tables: Tables, *, force: bool = False
) -> Attachment:
    """Attaches, or replaces an older program of ours in one step, in the mode that it has.

    Another's program is replaced so only by `force`.
    """
    link = read_link(interface)
    number, mode = libbpf.xdp_query(link.index)
    foreign = number and not is_ours(number)
    if foreign and not force:
        raise DataplaneError(
            f"interface {interface} already has an XDP program (number {number}) that is not "
            "trimaran's: take it off, or have it replaced by trimaran xdp attach --force"
        )
    if number:
        present = mode_name(mode)
        describe(link, present, tables)
        old = libbpf.program_by_id(number)
        try:
            libbpf.xdp_attach(link.index, programs.main, _FLAGS[present], old)
        finally:
            os.close(old)
        before = "as the program had that it replaces" if foreign else "as before the restart"
        return Attachment(present, None if present == NATIVE else before)
    describe(link, NATIVE, tables)
    try:
        libbpf.xdp_attach(link.index, programs.main, _FLAGS[NATIVE])
    except libbpf.BpfError as error:
        reason = f"driver {link.driver or 'unknown'} refused: {_in_full(error)}"
        return _attach_generic(link, programs, tables, reason)
    if link.driver == "veth" and not _can_send(interface, link, programs):
        reason = "frames sent in native mode do not get out: the peer has no XDP program nor GRO"
        return fall_back(interface, programs, tables, reason)
    return Attachment(NATIVE)


def fall_back(interface: str, programs: Programs, tables: Tables, reason: str) -> Attachment:
    """From native to generic mode."""
    link = read_link(interface)
    libbpf.xdp_detach(link.index, programs.main, _FLAGS[NATIVE])
    return _attach_generic(link, programs, tables, reason)


def _attach_generic(link: Link, programs: Programs, tables: Tables, reason: str) -> Attachment:
    describe(link, GENERIC, tables)
    try:
        libbpf.xdp_attach(link.index, programs.main, _FLAGS[GENERIC])
    except libbpf.BpfError as error:
        raise DataplaneError(
            f"interface {link.name} cannot have an XDP program: in generic mode: "
            f"{_in_full(error)}; in native mode: {reason}; "
            "the kernel's IPVS needs none (trimaran run --dataplane ipvs)"
        ) from error
    return Attachment(GENERIC, reason)


def _in_full(error: libbpf.BpfError) -> str:
    """With what the kernel said beside its number."""
    said = [line.partition(_KERNEL_SAID)[2] for line in error.log if _KERNEL_SAID in line]
    return " ".join([str(error), *(f"({text})" for text in said)])


def _can_send(interface: str, link: Link, programs: Programs) -> bool:
    """Sends two frames of the experimental EtherType to itself, and sees whether they left."""
    frame = link.mac * 2 + _LOCAL_EXPERIMENTAL + bytes(46)
    context = struct.pack("6I", 0, len(frame), 0, link.index, 0, 0)
    before = _frames_sent(interface)
    try:
        libbpf.run(
            programs.reflect, data=frame, context=context, repeat=2, flags=libbpf.TEST_LIVE_FRAMES
        )
    except libbpf.BpfError:
        return False
    return _frames_sent(interface) > before


def detach(interface: str, mode: str, program: int) -> bool:
    """Takes this program (a descriptor) off; False: it was not there. No other is touched."""
    try:
        libbpf.xdp_detach(socket.if_nametoindex(interface), program, _FLAGS[mode])
    except OSError:
        return False
    except libbpf.BpfError as error:
        if error.errno in _NOT_THERE:
            return False
        raise DataplaneError(f"interface {interface}: {error}") from error
    return True


def detach_all() -> list[str]:
    """Takes trimaran's program, whoever loaded it, off every interface of this network
    namespace; which these were. For when its owner is dead. Needs root."""
    return [interface for interface, _ in list(attached_programs()) if take_off(interface)]


def take_off(interface: str) -> bool:
    """Takes trimaran's program, whoever loaded it, off an interface; False: none was there."""
    try:
        number, mode = libbpf.xdp_query(socket.if_nametoindex(interface))
        if not number or not is_ours(number):
            return False
        program = libbpf.program_by_id(number)
    except (OSError, libbpf.BpfError):
        return False  # gone meanwhile
    try:
        return detach(interface, mode_name(mode), program)
    finally:
        os.close(program)


def mode_name(kernels: int) -> str:
    """The mode that the kernel says."""
    return NATIVE if kernels == libbpf.XDP_ATTACHED_NATIVE else GENERIC


def describe(link: Link, mode: str, tables: Tables, *, any_mac: bool = False) -> None:
    """Tells the program what the interface is like; called again when it may have changed.

    What is special about veth is so in native mode only. `any_mac`: frames to other MAC addresses
    than the interface's are for us too.
    """
    record = tables.live["interfaces"][link.index % INTERFACES]
    record["verify_checksums"] = record["never_tx"] = link.driver == "veth" and mode == NATIVE
    record["partial_checksums"] = mode == GENERIC
    if record["index"] not in {0, link.index}:
        # Two attached interfaces, 1024 apart: rather accept every frame than refuse one's.
        record["mac"] = record["mtu"] = 0
        return
    record["index"] = link.index
    record["mtu"] = link.mtu
    record["mac"] = 0 if any_mac else int.from_bytes(link.mac, "little")


def forget(index: int, tables: Tables) -> None:
    """Clears what the program knew of an interface."""
    tables.live["interfaces"][index % INTERFACES] = np.zeros((), dtype=INTERFACE)
