/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Later fragments follow their first: it has the ports, and leaves word where it went. */
#pragma once
#include "counters.h"
#include "parse.h"

#define FRAGMENT_TICKS (30 * TICKS_PER_SECOND)	/* Linux's ipfrag_time */

static __always_inline struct fragment_key fragment_key(const struct packet *p)
{
	struct fragment_key key = {.id = p->fragment_id};

	if (p->version == IPV6) {
		key.source = p->ip6->source;
		key.target = p->ip6->target;
	} else {
		key.source.ipv4 = p->ip->saddr;
		key.target.ipv4 = p->ip->daddr;
		key.protocol = p->protocol;	/* RFC 791; RFC 8200 does without */
	}
	return key;
}

static __always_inline void note_fragment(const struct packet *p, __u32 destination,
					  __u32 forwarding, __u32 out, __u32 now)
{
	struct fragment_key key = fragment_key(p);
	struct fragment where = {
		.destination = destination,
		.tick = now,
		.forwarding = forwarding,
		.out = out,
	};

	bpf_map_update_elem(&fragments, &key, &where, BPF_ANY);
}

/* Where its first fragment went in that direction, or 0. */
static __always_inline const struct fragment *find_first(const struct packet *p, __u32 out,
							 __u32 now)
{
	struct fragment_key key = fragment_key(p);
	const struct fragment *where = bpf_map_lookup_elem(&fragments, &key);

	if (where && where->out == out && now - where->tick <= FRAGMENT_TICKS)
		return where;
	count_event(EVENT_FRAGMENT);
	return 0;
}
