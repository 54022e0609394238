/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The schedulers that compare what the servers of a list carry. */
#pragma once
#include "services.h"

static __always_inline __u64 overhead(__u64 connections)
{
	return 256ull * active_in(connections) + total_in(connections);
}

/* Is a member better than the best so far? Ties go to the earlier one. */
static long weigh_step(__u32 i, struct choice *c)
{
	struct member *m = member_at(c, i);
	struct load *l;
	__u64 now, cost;
	__u32 weight;

	if (!m)
		return 1;
	l = selectable(c, m);
	if (!l)
		return 0;
	now = load(l->connections);
	weight = m->weight;
	switch (c->scheduler) {
	case SCHEDULER_SED:
	case SCHEDULER_NQ:
		if (c->scheduler == SCHEDULER_NQ && !active_in(now)) {
			take(c, m, i);
			return 1;
		}
		cost = active_in(now) + 1ull;
		break;
	case SCHEDULER_FO:
	case SCHEDULER_OVF:
		if (c->scheduler == SCHEDULER_OVF && active_in(now) > weight)
			return 0;
		cost = 1;
		break;
	case SCHEDULER_LC:
		weight = 1;
	default:	/* wlc, and what falls back on it */
		cost = overhead(now);
	}
	if (c->found && c->cost * weight <= cost * c->weight)
		return 0;
	c->cost = cost;
	c->weight = weight;
	take(c, m, i);
	return 0;
}

/* The least loaded: lc, wlc, sed, nq, fo and ovf (2.6 to 2.9). */
static __always_inline void least_loaded(struct choice *c)
{
	bpf_loop(length_of(c), weigh_step, c, 0);
}
