/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* How many connections a destination has, and its thresholds (ipvs-semantics 1.5, 2.2). Exact at
 * every moment whatever CPUs are at work: one atomic addition when a connection comes, goes, or
 * changes between active and inactive; none for a packet that changes nothing. */
#pragma once
#include "counters.h"

#define LOAD_ONE (1ull << 32)
#define LOAD_OVERLOADED (1ull << 63)

static __always_inline struct load *load_of(__u32 destination)
{
	return bpf_map_lookup_elem(&loads, &destination);
}

static __always_inline __u32 active_in(__u64 connections) { return connections; }
static __always_inline __u32 total_in(__u64 connections) { return connections >> 32 & 0x7fffffff; }

static __always_inline void bind(struct load *l, __u32 active)
{
	if (!l)
		return;

	__u64 before = __sync_fetch_and_add(&l->connections, LOAD_ONE + active);

	if (l->upper && total_in(before) + 1 == l->upper)
		__sync_fetch_and_or(&l->connections, LOAD_OVERLOADED);
}

static __always_inline void unbind(struct load *l, __u32 active)
{
	if (!l)
		return;

	__u64 before = __sync_fetch_and_sub(&l->connections, LOAD_ONE + active);
	__u32 lower = l->lower ? l->lower : l->upper - (l->upper >> 2);

	if (before & LOAD_OVERLOADED && total_in(before) == lower)
		__sync_fetch_and_and(&l->connections, ~LOAD_OVERLOADED);
}

/* A persistent client's template comes, or goes. It counts in no load. */
static __always_inline void count_template(__u32 destination, __s64 change)
{
	__u64 *count = bpf_map_lookup_elem(&templates, &destination);

	if (count)
		__sync_fetch_and_add(count, change);
}

/* A connection becomes active, or inactive. */
static __always_inline void shift(struct load *l, __u32 active)
{
	if (l)
		__sync_fetch_and_add(&l->connections, active ? 1ull : -1ull);
}
