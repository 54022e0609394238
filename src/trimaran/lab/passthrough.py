"""Runs inside the lab's switch: gives bridge ports an XDP program that passes everything.

    python -m trimaran.lab.passthrough PORT...

A veth end takes frames that its peer sends from native XDP (XDP_TX) only if it runs an XDP
program itself: without one the kernel (6.18, veth_xdp_flush) queues them and never wakes the
receiver, even with GRO on. Two instructions are enough.
"""

import ctypes
import os
import socket
import sys

_BPF_PROG_TYPE_XDP = 6
_XDP_FLAGS_DRV_MODE = 1 << 2
_PASS = bytes.fromhex(
    "b700000002000000"  # r0 = XDP_PASS
    "9500000000000000"  # exit
)


def main(ports: list[str]) -> None:
    """Load the program and attach it to each port; it stays when this process ends."""
    libbpf = ctypes.CDLL("libbpf.so.1", use_errno=True)
    count = ctypes.c_size_t(len(_PASS) // 8)
    program = libbpf.bpf_prog_load(_BPF_PROG_TYPE_XDP, b"lab_pass", b"MIT", _PASS, count, None)
    if program < 0:
        sys.exit(f"cannot load an XDP program: {os.strerror(-program)}")
    for port in ports:
        index = socket.if_nametoindex(port)
        if error := libbpf.bpf_xdp_attach(index, program, _XDP_FLAGS_DRV_MODE, None):
            sys.exit(f"cannot attach an XDP program to {port}: {os.strerror(-error)}")


if __name__ == "__main__":
    main(sys.argv[1:])
