"""The system's libbpf, as far as it is needed here, through ctypes.

Everything that fails raises `BpfError` with libbpf's own words (the verifier's log included)
and the kernel's error number. File descriptors are plain integers owned by the caller.
"""

import ctypes
import errno
import mmap
import os
import socket
from collections.abc import Iterator
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint32, c_void_p
from dataclasses import dataclass
from pathlib import Path

from trimaran.dataplane.base import DataplaneError
from trimaran.dataplane.xdp import structures

XDP_FLAGS_UPDATE_IF_NOEXIST = 1 << 0
XDP_FLAGS_SKB_MODE = 1 << 1
XDP_FLAGS_DRV_MODE = 1 << 2
XDP_FLAGS_REPLACE = 1 << 4
XDP_ATTACHED_NATIVE = 1
XDP_ATTACHED_GENERIC = 2
TEST_LIVE_FRAMES = 1 << 1

_HASHES = (1, 9)  # BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LRU_HASH
_PERCPU_ARRAY = 6
_RING = 27
_HASH_OVERHEAD = 64


class BpfError(DataplaneError):
    """A call to libbpf or bpf(2) failed.

    `errno` is the kernel's reason, `log` what libbpf and the verifier said about it.
    """

    def __init__(self, what: str, number: int, log: tuple[str, ...] = ()) -> None:
        hint = " (BPF needs root, or CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN)"
        super().__init__(f"{what}: {os.strerror(number)}{hint if number == errno.EPERM else ''}")
        self.errno = number
        self.log = log


@dataclass(frozen=True, slots=True)
class ProgramInfo:
    """What the kernel says of a loaded program."""

    id: int
    name: str
    map_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MapInfo:
    """What the kernel says of a map. The name is cut at 15 characters."""

    id: int
    name: str
    key_size: int
    value_size: int
    max_entries: int


@dataclass(frozen=True, slots=True)
class RunResult:
    """Outcome of a test run: the program's return value, and the packet and context after it."""

    value: int
    data: bytes
    context: bytes


_PRINT = ctypes.CFUNCTYPE(c_int, c_int, c_char_p, c_void_p)
_messages: list[str] = []
_libc = ctypes.CDLL(None, use_errno=True)


def _collect(level: int, text: bytes, arguments: int) -> int:
    """libbpf's printer: keeps warnings (level 0) for the next error's message."""
    if level == 0:
        buffer = ctypes.create_string_buffer(1 << 20)
        _libc.vsnprintf(buffer, c_size_t(len(buffer)), text, c_void_p(arguments))
        _messages.append(buffer.value.decode(errors="replace").rstrip())
    return 0


_printer = _PRINT(_collect)  # kept: libbpf calls it for as long as the process lives


def _load_library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libbpf.so.1", use_errno=True)
    except OSError as error:
        raise DataplaneError("libbpf.so.1 not found (Debian: package libbpf1)") from error
    for name, *arguments in (
        ("bpf_object__open_file", c_char_p, c_void_p),
        ("bpf_object__find_map_by_name", c_void_p, c_char_p),
        ("bpf_object__find_program_by_name", c_void_p, c_char_p),
        ("bpf_object__next_map", c_void_p, c_void_p),
        ("bpf_object__btf", c_void_p),
        ("bpf_map__initial_value", c_void_p, POINTER(c_size_t)),
        ("btf__type_by_id", c_void_p, c_uint32),
        ("btf__name_by_offset", c_void_p, c_uint32),
    ):
        function = getattr(library, name)
        function.restype = c_char_p if name.endswith("name_by_offset") else c_void_p
        function.argtypes = arguments
    for name, *arguments in (
        ("bpf_object__load", c_void_p),
        ("bpf_object__close", c_void_p),
        ("bpf_map__fd", c_void_p),
        ("bpf_map__set_max_entries", c_void_p, c_uint32),
        ("bpf_map__max_entries", c_void_p),
        ("bpf_map__key_size", c_void_p),
        ("bpf_map__value_size", c_void_p),
        ("bpf_map__type", c_void_p),
        ("bpf_map__reuse_fd", c_void_p, c_int),
        ("bpf_program__fd", c_void_p),
    ):
        getattr(library, name).argtypes = arguments
    library.btf__resolve_size.restype = ctypes.c_int64
    library.btf__resolve_size.argtypes = [c_void_p, c_uint32]
    library.btf__find_by_name_kind.argtypes = [c_void_p, c_char_p, c_uint32]
    library.bpf_map_update_elem.argtypes = [c_int, c_void_p, c_void_p, ctypes.c_uint64]
    library.libbpf_set_print.argtypes = [c_void_p]
    library.libbpf_set_print.restype = c_void_p
    library.libbpf_set_print(_printer)
    return library


library = _load_library()


def checked(result: int, what: str) -> int:
    """A libbpf result: negative is an error number; warnings so far belong to it."""
    warnings = tuple(_messages)
    _messages.clear()
    if result >= 0:
        return result
    raise BpfError(what, -result, warnings)


def pointer(result: int | None, what: str) -> int:
    return result if result else checked(-(ctypes.get_errno() or errno.EINVAL), what)


class BpfObject:
    """An object file: opened, sized and filled in, then loaded into the kernel."""

    def __init__(self, path: Path) -> None:
        self._object = pointer(library.bpf_object__open_file(bytes(path), None), f"open {path}")

    def close(self) -> None:
        """Releases libbpf's memory and descriptors; descriptors got from here become invalid."""
        library.bpf_object__close(self._object)

    def _map(self, name: str) -> int:
        return pointer(
            library.bpf_object__find_map_by_name(self._object, name.encode()), f"map {name}"
        )

    def set_max_entries(self, name: str, entries: int) -> None:
        checked(library.bpf_map__set_max_entries(self._map(name), entries), f"size of {name}")

    def memory(self) -> int:
        """Bytes that its maps take, or a little less: of hashes what the kernel adds is guessed."""
        total, at = 0, library.bpf_object__next_map(self._object, None)
        while at:
            entries, value = library.bpf_map__max_entries(at), library.bpf_map__value_size(at)
            match library.bpf_map__type(at):
                case t if t in _HASHES:
                    total += entries * (library.bpf_map__key_size(at) + value + _HASH_OVERHEAD)
                case t if t == _PERCPU_ARRAY:
                    total += entries * value * possible_cpus()
                case t if t == _RING:
                    total += entries
                case _:
                    total += entries * value
            at = library.bpf_object__next_map(self._object, at)
        return total

    def reuse(self, name: str, descriptor: int) -> None:
        """Uses an existing map (its descriptor is duplicated) instead of making one."""
        checked(library.bpf_map__reuse_fd(self._map(name), descriptor), f"reuse {name}")

    def initial_value(self, name: str) -> memoryview:
        """The first contents of a data section, to write to before `load`."""
        size = c_size_t()
        at = pointer(library.bpf_map__initial_value(self._map(name), byref(size)), name)
        return memoryview((ctypes.c_char * size.value).from_address(at)).cast("B")

    def load(self) -> None:
        checked(library.bpf_object__load(self._object), "the kernel refused the XDP program")

    def map_descriptor(self, name: str) -> int:
        return checked(library.bpf_map__fd(self._map(name)), f"map {name}")

    def program_descriptor(self, name: str) -> int:
        program = library.bpf_object__find_program_by_name(self._object, name.encode())
        return checked(library.bpf_program__fd(pointer(program, f"program {name}")), name)

    def members(self, kind: int, name: str) -> tuple[int, dict[str, tuple[int, int]]]:
        """From BTF: the size of a struct (kind 4) or section (15), and offset and size by member.

        A section lists its variables, whose sizes the object file knows.
        """
        btf = pointer(library.bpf_object__btf(self._object), "BTF of the object")
        number = checked(library.btf__find_by_name_kind(btf, name.encode(), kind), f"BTF of {name}")
        at = pointer(library.btf__type_by_id(btf, number), name)
        _, info, total = (c_uint32 * 3).from_address(at)
        found: dict[str, tuple[int, int]] = {}
        for index in range(info & 0xFFFF):
            first, second, third = (c_uint32 * 3).from_address(at + 12 + 12 * index)
            if kind == 15:  # a variable: type, offset, size
                variable = pointer(library.btf__type_by_id(btf, first), name)
                name_offset, offset, size = c_uint32.from_address(variable).value, second, third
            else:  # a member: name, type, offset in bits
                name_offset, offset = first, third // 8
                size = checked(library.btf__resolve_size(btf, second), name)
            found[library.btf__name_by_offset(btf, name_offset).decode()] = (offset, size)
        return total, found


def program_info(descriptor: int) -> ProgramInfo:
    ids = (c_uint32 * 64)()
    info = structures.ProgramInfo(nr_map_ids=len(ids), map_ids=ctypes.addressof(ids))
    size = c_uint32(ctypes.sizeof(info))
    checked(library.bpf_obj_get_info_by_fd(descriptor, byref(info), byref(size)), "program info")
    return ProgramInfo(info.id, info.name.decode(), tuple(ids[: info.nr_map_ids]))


def map_info(descriptor: int) -> MapInfo:
    info = structures.MapInfo()
    size = c_uint32(ctypes.sizeof(info))
    checked(library.bpf_obj_get_info_by_fd(descriptor, byref(info), byref(size)), "map info")
    return MapInfo(info.id, info.name.decode(), info.key_size, info.value_size, info.max_entries)


def program_by_id(number: int) -> int:
    """A descriptor of a loaded program."""
    return checked(library.bpf_prog_get_fd_by_id(number), f"program {number}")


def map_by_id(number: int) -> int:
    """A descriptor of a map."""
    return checked(library.bpf_map_get_fd_by_id(number), f"map {number}")


def bind_map(program: int, descriptor: int) -> None:
    """Makes a map live as long as the program, which does not use it itself."""
    checked(library.bpf_prog_bind_map(program, descriptor, None), "bind map")


def map_memory(descriptor: int, length: int, *, writable: bool) -> mmap.mmap:
    """The memory of a mappable array; `length` in bytes."""
    protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
    try:
        return mmap.mmap(descriptor, length, mmap.MAP_SHARED, protection)
    except OSError as error:
        raise BpfError("mmap of a map", error.errno or errno.EINVAL) from error


def update(descriptor: int, key: bytes, value: bytes) -> None:
    checked(library.bpf_map_update_elem(descriptor, key, value, 0), "map update")


def delete(descriptor: int, key: bytes) -> None:
    checked(library.bpf_map_delete_elem(descriptor, key), "map delete")


def keys(descriptor: int, key_size: int) -> Iterator[bytes]:
    """The keys of a hash map. Do not change it meanwhile."""
    key: ctypes.Array[ctypes.c_char] | None = None
    while True:
        following = ctypes.create_string_buffer(key_size)
        result = library.bpf_map_get_next_key(descriptor, key, following)
        if result == -errno.ENOENT:
            _messages.clear()
            return
        checked(result, "map keys")
        yield following.raw
        key = following


def run(
    program: int,
    *,
    data: bytes | None = None,
    context: bytes = b"",
    repeat: int = 1,
    flags: int = 0,
) -> RunResult:
    """BPF_PROG_TEST_RUN. `data` is a frame for XDP programs; `context` comes back changed."""
    options = structures.TestRunOptions(sz=ctypes.sizeof(structures.TestRunOptions), flags=flags)
    # Of a "syscall" program the kernel writes the context back to where it read it.
    context_buffer = ctypes.create_string_buffer(context, max(len(context), 1))
    if context:
        options.ctx_in = ctypes.addressof(context_buffer)
        options.ctx_size_in = len(context)
    out = ctypes.create_string_buffer(1 << 16)
    frame = ctypes.create_string_buffer(data or b"", max(len(data or b""), 1))
    if data is not None:
        options.data_in, options.data_size_in = ctypes.addressof(frame), len(data)
        options.repeat = repeat
        if not flags & TEST_LIVE_FRAMES:
            options.data_out, options.data_size_out = ctypes.addressof(out), len(out)
    checked(library.bpf_prog_test_run_opts(program, byref(options)), "test run")
    return RunResult(
        options.retval, out.raw[: options.data_size_out], context_buffer.raw[: len(context)]
    )


def xdp_query(interface: int) -> tuple[int, int]:
    """The program on an interface and how it is attached (XDP_ATTACHED_...); 0, 0: none."""
    options = structures.XdpQueryOptions(sz=ctypes.sizeof(structures.XdpQueryOptions))
    checked(library.bpf_xdp_query(interface, 0, byref(options)), "query of the XDP program")
    return options.prog_id, options.attach_mode


def xdp_attach(interface: int, program: int, flags: int, replaced: int | None = None) -> None:
    """Attaches a program; `replaced` is a descriptor of the one that it shall replace."""
    options = structures.XdpAttachOptions(sz=ctypes.sizeof(structures.XdpAttachOptions))
    if replaced is not None:
        options.old_prog_fd = replaced
        flags |= XDP_FLAGS_REPLACE
    else:
        flags |= XDP_FLAGS_UPDATE_IF_NOEXIST
    checked(library.bpf_xdp_attach(interface, program, flags, byref(options)), "attach XDP")


def xdp_detach(interface: int, program: int, flags: int) -> None:
    """Detaches this program (a descriptor); EEXIST: it is not what is attached."""
    options = structures.XdpAttachOptions(
        sz=ctypes.sizeof(structures.XdpAttachOptions), old_prog_fd=program
    )
    flags |= XDP_FLAGS_REPLACE
    checked(library.bpf_xdp_detach(interface, flags, byref(options)), "detach XDP")


def wait_for_packets() -> None:
    """Returns when every run of a program that had begun is over (some milliseconds).

    Closing a packet socket waits for an RCU grace period (synchronize_net), as programs run
    inside of; no system call does only that on every architecture and to every user.
    """
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()


def possible_cpus() -> int:
    return checked(library.libbpf_num_possible_cpus(), "number of CPUs")
