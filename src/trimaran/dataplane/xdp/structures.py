"""Structures that `libbpf` passes to the library and gets from the kernel."""

import ctypes
from ctypes import c_int, c_size_t, c_uint32, c_void_p


class ProgramInfo(ctypes.Structure):
    """The head of `struct bpf_prog_info` (linux/bpf.h), up to the name."""

    _fields_ = (
        ("type", c_uint32),
        ("id", c_uint32),
        ("tag", ctypes.c_uint8 * 8),
        ("jited_prog_len", c_uint32),
        ("xlated_prog_len", c_uint32),
        ("jited_prog_insns", ctypes.c_uint64),
        ("xlated_prog_insns", ctypes.c_uint64),
        ("load_time", ctypes.c_uint64),
        ("created_by_uid", c_uint32),
        ("nr_map_ids", c_uint32),
        ("map_ids", ctypes.c_uint64),
        ("name", ctypes.c_char * 16),
    )


class MapInfo(ctypes.Structure):
    """The head of `struct bpf_map_info`."""

    _fields_ = (
        ("type", c_uint32),
        ("id", c_uint32),
        ("key_size", c_uint32),
        ("value_size", c_uint32),
        ("max_entries", c_uint32),
        ("map_flags", c_uint32),
        ("name", ctypes.c_char * 16),
    )


class TestRunOptions(ctypes.Structure):
    """`struct bpf_test_run_opts` of libbpf 1.x."""

    _fields_ = (
        ("sz", c_size_t),
        ("data_in", c_void_p),
        ("data_out", c_void_p),
        ("data_size_in", c_uint32),
        ("data_size_out", c_uint32),
        ("ctx_in", c_void_p),
        ("ctx_out", c_void_p),
        ("ctx_size_in", c_uint32),
        ("ctx_size_out", c_uint32),
        ("retval", c_uint32),
        ("repeat", c_int),
        ("duration", c_uint32),
        ("flags", c_uint32),
        ("cpu", c_uint32),
        ("batch_size", c_uint32),
    )


class XdpAttachOptions(ctypes.Structure):
    """`struct bpf_xdp_attach_opts`."""

    _fields_ = (("sz", c_size_t), ("old_prog_fd", c_int))


class XdpQueryOptions(ctypes.Structure):
    """`struct bpf_xdp_query_opts`."""

    _fields_ = (
        ("sz", c_size_t),
        ("prog_id", c_uint32),
        ("drv_prog_id", c_uint32),
        ("hw_prog_id", c_uint32),
        ("skb_prog_id", c_uint32),
        ("attach_mode", ctypes.c_uint8),
    )
