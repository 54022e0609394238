/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Counting. A service's and the total's counters are sums of its destinations', made by user
 * space: the packet path writes one line a packet. */
#pragma once
#include "maps.h"

#define load(word) (*(volatile typeof(word) *)&(word))

static __always_inline struct counters *counters_of(__u32 cpu, __u32 destination)
{
	__u32 index = cpu * capacity + destination;

	return bpf_map_lookup_elem(&counters, &index);
}

static __always_inline void count_event(enum event event)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct events *here = bpf_map_lookup_elem(&events, &cpu);

	if (here)
		here->count[event]++;
}
