/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Connection states: the tables are data (dataplane/states.py); UDP is a state of its own in them. */
#pragma once
#include "persistence.h"

/* Client to server, server to client, and client to server while no answer was ever seen. */
enum direction { DIRECTION_IN, DIRECTION_OUT, DIRECTION_IN_ONLY };

static __always_inline __u32 first_state(__u8 protocol)
{
	return protocol == IPPROTO_TCP ? STATE_NONE :
	       protocol == IPPROTO_UDP ? STATE_UDP : STATE_SCTP;
}

static __always_inline __u32 next_state(__u32 direction, __u32 state, __u8 flags)
{
	__u32 cell = direction << 10 | state << 5 | flags;

	return live.transition[bounded(cell, 4 * STATES * 32 - 1)] & (STATES - 1);
}

static __always_inline enum direction inwards(__u32 one_way)
{
	return one_way ? DIRECTION_IN_ONLY : DIRECTION_IN;
}

static __always_inline int is_established(__u32 state)
{
	return state == STATE_ESTABLISHED || state == STATE_SCTP_ESTABLISHED;
}

static __always_inline void count_active(__u32 destination, __u32 before, __u32 after)
{
	__u32 active = active_connection[after & (STATES - 1)];

	if (active != active_connection[before & (STATES - 1)])
		shift(load_of(destination), active);
}

/* What follows from a change of state. Not static, so that it costs who calls it no stack. */
__noinline int account(__u32 destination, __u64 half0, __u64 half1, __u32 before, __u32 after)
{
	count_active(destination, before, after);
	if (live.persistent && is_established(after))
		assure(destination, half0, half1);
	return 0;
}

/* Moves the flow on to a state and re-arms its expiry; false if another CPU was first. */
static __always_inline int move(struct flow *f, __u64 control, __u32 next, __u32 one_way, __u32 now)
{
	__u64 updated = control_word(next, destination_of(control), forwarding_of(control), one_way,
				     now + live.lifetime[next]);

	/* Again within a tick there is nothing to write. */
	return updated == control || exchange(&f->control, control, updated) == control;
}

/* By a packet of the client's; false if another CPU was first. */
static __always_inline int advance(struct flow *f, __u64 control, const struct packet *p, __u32 now)
{
	__u32 state = state_of(control), one_way = is_one_way(control);
	__u32 next = next_state(inwards(one_way), state, p->flags);

	if (!move(f, control, next, one_way, now))
		return 0;
	if (next != state)
		account(destination_of(control), client_half(p, 0), client_half(p, 1), state, next);
	return 1;
}

/* By a packet of the server's: the state, or -1 if another CPU was first. */
static __always_inline int advance_back(struct flow *f, __u64 control, const struct packet *p,
					__u32 now)
{
	__u32 state = state_of(control), next = next_state(DIRECTION_OUT, state, p->flags);

	if (!move(f, control, next, 0, now))
		return -1;
	count_active(destination_of(control), state, next);
	return next;
}
