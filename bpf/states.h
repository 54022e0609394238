/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Connection states: the table is data (dataplane/states.py); UDP is a state of its own in it. */
#pragma once
#include "flows.h"

static __always_inline __u32 next_state(__u32 state, __u8 flags)
{
	return transition[(state << 5 | flags) & (STATES * 32 - 1)] & (STATES - 1);
}

/* Moves the flow on by a packet and re-arms its expiry; false if another CPU was first. */
static __always_inline int advance(struct flow *f, __u64 control, const struct packet *p,
				   __u32 now)
{
	__u32 state = state_of(control), next = next_state(state, p->flags);
	__u64 updated = control_word(next, destination_of(control), now + live.lifetime[next]);

	if (updated == control)
		return 1;	/* again within a tick: nothing to write */
	if (exchange(&f->control, control, updated) != control)
		return 0;
	if (active_connection[next] != active_connection[state])
		shift(load_of(destination_of(control)), active_connection[next]);
	return 1;
}
