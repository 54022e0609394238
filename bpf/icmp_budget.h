/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* How many ICMP errors may be sent. */
#pragma once
#include "checksum.h"
#include "counters.h"
#include "flows.h"

#define BURST 50		/* Linux's icmp_msgs_burst */

/* A token bucket for each CPU. */
static __always_inline int may_send_icmp(void)
{
	__u32 cpu = bpf_get_smp_processor_id(), now = now_in_ticks();
	struct icmp_budget *b = bpf_map_lookup_elem(&icmp_budgets, &cpu);

	if (!b)
		return 0;
	if (b->tick != now) {
		__u64 tokens = b->tokens + (__u64)(now - b->tick) * live.icmp_per_second;

		b->tokens = tokens < BURST * TICKS_PER_SECOND ? tokens : BURST * TICKS_PER_SECOND;
		b->tick = now;
	}
	if (b->tokens < TICKS_PER_SECOND)
		return 0;
	b->tokens -= TICKS_PER_SECOND;
	return 1;
}
