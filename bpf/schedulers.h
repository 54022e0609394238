/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The schedulers of IPVS, each in its exact choice and order (ipvs-semantics 2). */
#pragma once
#include "hashing.h"
#include "locality.h"

/* One after another from `next` on, all the way round: rr, and the first step of a hash. */
static __always_inline int take_next(struct choice *c)
{
	__u32 place = c->next < length_of(c) ? c->next : 0;
	struct member *m = member_at(c, place);

	c->next = place + 1;
	if (!m || !selectable(c, m))
		return 0;
	take(c, m, place);
	return 1;
}

static long walk_step(__u32 i, struct choice *c) { return take_next(c); }

static __always_inline void walk(struct choice *c, __u32 start)
{
	c->next = start;
	bpf_loop(length_of(c), walk_step, c, 0);
}

/* The next selectable member after the last chosen (2.4). */
static __always_inline int round_robin(struct service *s, struct choice *c)
{
	walk(c, cursor_of(turn_of(c)));
	return !c->found || remember(s, c, c->place + 1, 0);
}

/* The first from `next` on that weighs `level` or more. */
static __always_inline int take_heavy(struct choice *c)
{
	__u32 place = c->next++;
	struct member *m = member_at(c, place);

	if (!m || m->weight < c->level || !selectable(c, m))
		return 0;
	take(c, m, place);
	return 1;
}

static long wrr_step(__u32 i, struct choice *c) { return take_heavy(c); }

/* The greatest weight of all, and of those selectable. */
static long wrr_survey(__u32 i, struct choice *c)
{
	struct member *m = member_at(c, i);

	if (!m)
		return 1;
	if (m->weight > c->cost)
		c->cost = m->weight;
	if (m->weight > c->weight && selectable(c, m))
		c->weight = m->weight;
	return 0;
}

/* Weighted round robin (2.5): passes over the list, each for a lower weight than the one before.
 * Passes that cannot find anybody are left out. */
static __always_inline int weighted_round_robin(struct service *s, struct choice *c)
{
	struct list_head *head = head_of(c);
	__u64 turn = turn_of(c);
	__u32 length = length_of(c), cursor = cursor_of(turn), divisor, highest;

	if (!head || !head->divisor)
		return 1;
	divisor = head->divisor;
	c->level = turn;
	c->next = cursor;
	if (c->level)
		bpf_loop(length > cursor ? length - cursor : 0, wrr_step, c, 0);
	if (!c->found) {
		bpf_loop(length, wrr_survey, c, 0);
		if (c->cost < divisor)
			return 1;	/* all weights are 0 */
		highest = c->cost - (divisor - 1);
		if (!c->weight) {
			/* Nobody: where the kernel's search would have stopped. */
			if (cursor && c->level <= divisor)
				return remember(s, c, cursor, 1);
			return remember(s, c, 0, highest);
		}
		c->level = c->level > divisor ? c->level - divisor : highest;
		if (c->level > c->weight)
			c->level -= (c->level - c->weight + divisor - 1) / divisor * divisor;
		c->next = 0;
		bpf_loop(length, wrr_step, c, 0);
	}
	return !c->found || remember(s, c, c->place + 1, c->level);
}

/* The member in a slot of the service's table, if it is selectable. */
static __always_inline int take_slot(struct choice *c, __u32 slot)
{
	struct list_head *head = head_of(c);
	struct member *m;
	struct row *row;
	__u32 index, place;

	if (!head || head->table == NO_TABLE)
		return 0;
	index = head->table + slot / ROW_SLOTS;
	row = bpf_map_lookup_elem(&slots, &index);
	if (!row)
		return 0;
	place = row->place[slot % ROW_SLOTS];
	m = member_at(c, place);
	if (!m || !selectable(c, m))
		return 0;
	take(c, m, place);
	return 1;
}

static long fallback_step(__u32 i, struct choice *c)
{
	__u32 slot;

	if (c->scheduler == SCHEDULER_SH)
		slot = (c->next + (i + c->next) % BUCKETS) % BUCKETS;
	else
		slot = maglev_hash(c->hash_input, (i + c->next) % MAGLEV_SLOTS) % MAGLEV_SLOTS;
	return take_slot(c, slot);
}

static __always_inline __u32 first_slot(const struct choice *c)
{
	return c->scheduler == SCHEDULER_MH ? maglev_hash(c->hash_input, 0) % MAGLEV_SLOTS
					    : bucket(c->hash_input);
}

/* sh, dh and mh (2.10, 2.11, 2.14). */
static __always_inline void by_table(struct choice *c)
{
	int maglev = c->scheduler == SCHEDULER_MH;
	__u32 slot = first_slot(c);

	if (take_slot(c, slot) || !(c->flags & SERVICE_FALLBACK) ||
	    c->scheduler == SCHEDULER_DH)
		return;
	c->next = slot;
	bpf_loop(maglev ? MAGLEV_SLOTS : BUCKETS, fallback_step, c, 0);
}

static long weights_step(__u32 i, struct choice *c)
{
	struct member *m = member_at(c, i);

	if (m && selectable(c, m))
		c->cost += m->weight;
	return !m;
}

/* The member at which the weights so far reach `cost`. */
static long draw_step(__u32 i, struct choice *c)
{
	struct member *m = member_at(c, i);

	if (!m)
		return 1;
	if (!selectable(c, m))
		return 0;
	if (c->cost > m->weight) {
		c->cost -= m->weight;
		return 0;
	}
	c->weight = m->weight;
	take(c, m, i);
	return 1;
}

static __always_inline __u64 draw_up_to(__u64 most)
{
	return (((__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32()) >> 1) % (most + 1);
}

/* The better of two drawn at random (2.15). */
static __always_inline void two_choices(struct choice *c)
{
	__u32 first, first_weight;
	struct load *one, *two;
	__u64 weights;

	bpf_loop(length_of(c), weights_step, c, 0);
	weights = c->cost;
	if (!weights)
		return;
	c->cost = draw_up_to(weights);
	bpf_loop(length_of(c), draw_step, c, 0);
	first = c->chosen;
	first_weight = c->weight;
	c->cost = draw_up_to(weights);
	bpf_loop(length_of(c), draw_step, c, 0);
	one = load_of(first);
	two = load_of(c->chosen);
	if (one && two &&
	    c->weight * overhead(load(one->connections)) <=
		    first_weight * overhead(load(two->connections)))
		c->chosen = first;
}

static __always_inline __u32 hash_input_of(const struct service *s, __u64 addresses,
					   __u64 transport)
{
	if (s->scheduler == SCHEDULER_DH)
		return bpf_ntohl(addresses >> 32);
	return bpf_ntohl(addresses) + (s->flags & SERVICE_HASH_PORT ? bpf_ntohs(transport) : 0);
}

/* The server that most of these schedulers' choices end with, the first that is looked at: without
 * a loop, which takes longer to begin than it has to do. False if the choice must be made whole. */
static __always_inline int choose_at_once(struct service *s, struct choice *c)
{
	__u64 turn = turn_of(c);

	if (!length_of(c))
		return 0;
	c->next = cursor_of(turn);
	switch (c->scheduler) {
	case SCHEDULER_RR:
		return take_next(c) && remember(s, c, c->place + 1, 0);
	case SCHEDULER_WRR:
		c->level = turn;
		return c->level && c->next < length_of(c) && take_heavy(c) &&
		       remember(s, c, c->place + 1, c->level);
	case SCHEDULER_SH:
	case SCHEDULER_MH:
	case SCHEDULER_DH:
		return take_slot(c, first_slot(c));
	}
	return 0;
}

/* One attempt; false when another CPU chose meanwhile. */
static __always_inline int choose_once(struct service *s, struct choice *c, __u32 now)
{
	switch (c->scheduler) {
	case SCHEDULER_RR:
		return round_robin(s, c);
	case SCHEDULER_WRR:
		return weighted_round_robin(s, c);
	case SCHEDULER_SH:
	case SCHEDULER_MH:
	case SCHEDULER_DH:
		by_table(c);
		return 1;
	case SCHEDULER_LBLC:
		return locality(s, c);
	case SCHEDULER_LBLCR:
		return replicated_locality(s, c, now);
	case SCHEDULER_TWOS:
		two_choices(c);
		return 1;
	default:
		least_loaded(c);
		return 1;
	}
}

#define UNRESOLVED -2	/* nobody, but somebody would be if its MAC address were known */

/* The destination for a new connection of the service, or one of the above. `addresses`: client and
 * virtual, those of IPv6 folded. Not static, so
 * that it is verified once. */
__noinline int choose(__u32 service, __u64 addresses, __u64 transport, __u32 now)
{
	__u32 index = service & ~IN_THOUGHT;
	__u8 in_thought = service & IN_THOUGHT ? CHOICE_IN_THOUGHT : 0;
	struct service *s = bpf_map_lookup_elem(&services, &index);
	struct choice first, c;

	if (!s)
		return NOBODY;
	begin_choice(&first, s, 0);
	first.flags |= in_thought;
	first.hash_input = hash_input_of(s, addresses, transport);
	if (choose_at_once(s, &first))
		return first.chosen;
	for (int i = 0; i < ATTEMPTS; i++) {
		begin_choice(&c, s, unknown_zero(s));
		c.flags |= in_thought;
		c.hash_input = first.hash_input;
		if (choose_once(s, &c, now))
			break;
	}
	return c.found ? (int)c.chosen : c.unresolved ? UNRESOLVED : NOBODY;
}

/* For user space: what would be chosen now. */
SEC("syscall")
int preview(struct preview *p)
{
	struct preview here = *p;

	here.chosen = choose(here.service | IN_THOUGHT, here.addresses, here.transport,
			     now_in_ticks());
	*p = here;
	return 0;
}

/* For flows that have no entry: the same flow always goes to the same member. */
__noinline int choose_by_hash(__u32 service, __u32 hash)
{
	struct service *s = bpf_map_lookup_elem(&services, &service);
	struct choice c;

	if (!s)
		return NOBODY;
	begin_choice(&c, s, unknown_zero(s));
	walk(&c, (__u64)hash * length_of(&c) >> 32);
	return c.found ? (int)c.chosen : NOBODY;
}
