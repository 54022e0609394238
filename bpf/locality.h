/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* lblc and lblcr (ipvs-semantics 2.12, 2.13), for one virtual address: a server is kept until it is
 * busy and another is not. */
#pragma once
#include "weighing.h"

/* Is there a server with room to spare? */
static long spare_step(__u32 i, struct choice *c)
{
	struct member *m = member_at(c, i);
	struct load *l = m ? load_of(m->destination) : 0;

	if (l && 2ull * active_in(load(l->connections)) < m->weight) {
		c->busy = 1;
		return 1;
	}
	return 0;
}

/* Has this member more connections than its weight, while another has few? */
static __always_inline int is_busy(struct choice *c, const struct member *m)
{
	struct load *l = load_of(m->destination);

	if (!l || active_in(load(l->connections)) <= m->weight)
		return 0;
	bpf_loop(length_of(c), spare_step, c, 0);
	return c->busy;
}

/* Locality-based least connections (2.12). A service has one virtual address here, so that the
 * cache has one entry: the cursor. Overload does not count for it. */
static __always_inline int locality(struct service *s, struct choice *c)
{
	__u32 cursor = cursor_of(turn_of(c));
	struct member *m = cursor ? member_at(c, cursor - 1) : 0;
	struct destination *d = m && m->weight ? find_destination(m->destination) : 0;

	if (d && d->flags & (DESTINATION_RESOLVED | DESTINATION_LOCAL) && !is_busy(c, m)) {
		take(c, m, cursor - 1);
		return 1;
	}
	least_loaded(c);
	return !c->found || remember(s, c, c->place + 1, 0);
}

/* The least loaded of the set, the newest first. */
static long set_step(__u32 i, struct choice *c)
{
	struct member *m = member_at(c, i);
	struct load *l;
	__u64 now, cost;

	if (!m)
		return 1;
	if (!m->stamp)
		return 0;
	if (c->members < 2)
		c->members++;
	if (m->stamp > c->level)
		c->level = m->stamp;
	l = selectable(c, m);
	if (!l)
		return 0;
	now = load(l->connections);
	cost = overhead(now);
	if (c->found) {
		__u64 best = c->cost * m->weight, this = cost * c->weight;

		if (best < this || (best == this && c->stamp > m->stamp))
			return 0;
	}
	c->cost = cost;
	c->weight = m->weight;
	c->stamp = m->stamp;
	take(c, m, i);
	return 0;
}

/* The most loaded of the set, for removal. */
static long most_loaded_step(__u32 i, struct choice *c)
{
	struct member *m = member_at(c, i);
	struct load *l;
	__u64 now, cost;

	if (!m)
		return 1;
	l = m->stamp && m->weight ? load_of(m->destination) : 0;
	if (!l)
		return 0;
	now = load(l->connections);
	cost = overhead(now);
	if (c->busy) {
		__u64 most = c->cost * m->weight, this = cost * c->weight;

		if (most > this || (most == this && c->stamp > m->stamp))
			return 0;
	}
	c->busy = 1;
	c->cost = cost;
	c->weight = m->weight;
	c->stamp = m->stamp;
	c->next = i;
	return 0;
}

#define LBLCR_EXPIRATION (86400u * TICKS_PER_SECOND)

/* The same with a set of servers, which grows under load and shrinks after a day (2.13). */
static __always_inline int replicated_locality(struct service *s, struct choice *c, __u32 now)
{
	__u32 length = length_of(c), before = turn_of(c), changed = before, newest;
	struct member *m;

	bpf_loop(length, set_step, c, 0);
	newest = c->level;
	if (c->members > 1 && now - changed > LBLCR_EXPIRATION) {
		bpf_loop(length, most_loaded_step, c, 0);
		m = c->busy ? member_at(c, c->next) : 0;
		if (m && !(c->flags & CHOICE_IN_THOUGHT)) {
			m->stamp = 0;
			changed = now;
		}
		c->busy = unknown_zero(s);
	}
	m = c->found ? member_at(c, c->place) : 0;
	if (m && !is_busy(c, m))
		return changed == before || remember(s, c, 0, changed);
	c->found = unknown_zero(s);
	least_loaded(c);
	m = c->found ? member_at(c, c->place) : 0;
	if (!m || m->stamp || c->flags & CHOICE_IN_THOUGHT)
		return 1;
	m->stamp = newest + 1;
	return remember(s, c, 0, now);
}
