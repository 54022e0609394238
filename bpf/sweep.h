/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Once a second user space has the connection tables swept: expired entries are cleared. */
#pragma once
#include "states.h"

/* Does expire_nodest_conn end the connection, or template? */
static __always_inline int is_of_nobody(__u64 control)
{
	struct destination *d;

	if (!live.behaviour.expire_nodest_conn)
		return 0;
	d = find_destination(destination_of(control));
	return d && !(d->flags & DESTINATION_CONFIGURED);
}

/* Does drop_entry (4.9) give the entry up? Each second it looks at one bucket in so many. */
#define DROP_ROUNDS 32
#define HALF_OPEN_RANK 2	/* in eviction_rank; before it only templates nothing came of */

static __always_inline int is_given_up_in_defence(__u64 control, __u32 bucket, __u32 round)
{
	__u32 rank = eviction_rank[state_of(control)];

	return live.behaviour.drop_entry && !((bucket + round) % DROP_ROUNDS) && rank &&
	       rank <= HALF_OPEN_RANK;
}

static __always_inline long sweep_bucket(__u32 i, struct sweep *s, __u64 version)
{
	__u32 now = now_in_ticks();
	void *b = find_bucket(s->first + i, version);

	if (!b)
		return 1;
#pragma unroll
	for (int k = 0; k < SLOTS; k++) {
		struct flow *f = flow_at(b, k, version);
		const struct flow6 *f6 = (void *)f;
		__u64 control = load(f->control);

		if (phase_of(control) != PHASE_LIVE)
			continue;
		if (!has_expired(control, now) && !is_of_nobody(control) &&
		    !is_given_up_in_defence(control, s->first + i, s->round)) {
			s->flows++;
			if (live.persistent && !is_template(control) &&
			    !((s->first + i + s->round) % GUARD_ROUNDS))
				guard(destination_of(control),
				      version == IPV6 ? f6->client.half[0]
						      : (__u32)load(f->addresses),
				      version == IPV6 ? f6->client.half[1] : 0);
		} else if (exchange(&f->control, control, 0) == control) {
			forget(control);
			s->expired++;
		}
	}
	return 0;
}

static long sweep_bucket4(__u32 i, struct sweep *s) { return sweep_bucket(i, s, IPV4); }
static long sweep_bucket6(__u32 i, struct sweep *s) { return sweep_bucket(i, s, IPV6); }

/* Clears expired entries of a table. */
SEC("syscall")
int sweep(struct sweep *s)
{
	struct sweep here = *s;

	here.expired = here.flows = 0;
	if (here.version == IPV6)
		bpf_loop(here.buckets, sweep_bucket6, &here, 0);
	else
		bpf_loop(here.buckets, sweep_bucket4, &here, 0);
	*s = here;
	live.clock = bpf_jiffies64() * live.tick_multiplier >> 16;
	live.clock_time = bpf_ktime_get_ns();
	return 0;
}
