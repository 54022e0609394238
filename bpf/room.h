/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Where in the connection table a new flow goes, whom it displaces, and how it is entered there. */
#pragma once
#include "flows.h"

/* How readily a slot is given up: lower first; 0 is free, ~0 never. Half-open connections go
 * before closing ones, the oldest first, and established ones never: a flood of SYNs costs
 * established clients nothing. Templates that nothing came of yet go first, the others last. */
static __always_inline __u64 reluctance(__u64 control, __u32 now)
{
	__u32 rank;

	if (!control)
		return 0;
	if (phase_of(control) != PHASE_LIVE)
		return ~0ull;
	if (has_expired(control, now))
		return 0;
	rank = eviction_rank[state_of(control)];
	return rank ? (__u64)rank << 32 | ((__u32)control - now) : ~0ull;
}

static __always_inline int is_free(__u64 control, __u32 now)
{
	return !control || (phase_of(control) == PHASE_LIVE && has_expired(control, now));
}

#define NO_ROOM (BUCKETS_OF_A_FLOW * SLOTS)	/* beyond any slot of a neighbourhood */

/* What of a bucket may be taken. */
struct room {
	__u64 reluctance;	/* least_reluctant(): of the slot */
	__u32 slot;
	__u32 free;		/* find_free(): slots */
};

static __always_inline struct room find_free(void *bucket, __u64 version, __u32 now)
{
	struct room room = {};

#pragma unroll
	for (int i = SLOTS - 1; i >= 0; i--) {
		if (!is_free(load(flow_at(bucket, i, version)->control), now))
			continue;
		room.free++;
		room.slot = i;
	}
	return room;
}

static __always_inline struct room least_reluctant(void *bucket, __u64 version, __u32 now)
{
	struct room room = {.reluctance = ~0ull};

#pragma unroll
	for (int i = 0; i < SLOTS; i++) {
		__u64 r = reluctance(load(flow_at(bucket, i, version)->control), now);

		if (r < room.reluctance) {
			room.reluctance = r;
			room.slot = i;
		}
	}
	return room;
}

/* Whom of a full neighbourhood a new flow displaces: somebody near last. */
static __always_inline __u32 displace(void *near, void *first, void *second, __u64 version,
				      __u32 now)
{
	struct room one = least_reluctant(first, version, now);
	struct room two = least_reluctant(second, version, now);

	if (two.reluctance < one.reluctance)
		return SECOND * SLOTS + two.slot;
	if (~one.reluctance)
		return FIRST * SLOTS + one.slot;
	one = least_reluctant(near, version, now);
	return ~one.reluctance ? one.slot : NO_ROOM;
}

/* The slot of the neighbourhood that a new flow would take, or NO_ROOM when all have flows that
 * must not be given up for it. A free one nearby, if there is one. The first two flows beyond go to
 * their first bucket at once, for look-ups then end there; after that the emptier one is taken. At
 * capacity (half of all slots) 3 flows in 100,000 so find no room, and one in five is found in its
 * second bucket only. */
static __always_inline __u32 find_room_of(void *near, void *first, void *second, __u64 version,
					  __u32 now)
{
	struct room one, two;

	if (!near || !first || !second)
		return NO_ROOM;
	one = find_free(near, version, now);
	if (one.free)
		return one.slot;
	one = find_free(first, version, now);
	if (one.free >= SLOTS - 1)
		return FIRST * SLOTS + one.slot;
	two = find_free(second, version, now);
	if (two.free > one.free)
		return SECOND * SLOTS + two.slot;
	return one.free ? FIRST * SLOTS + one.slot : displace(near, first, second, version, now);
}

/* Not static, so that the verifier's many ways through it are walked once. */
__noinline __u32 find_room4(struct bucket *near, struct bucket *first, struct bucket *second,
			    __u32 now)
{
	return find_room_of(near, first, second, IPV4, now);
}

__noinline __u32 find_room6(struct bucket6 *near, struct bucket6 *first, struct bucket6 *second,
			    __u32 now)
{
	return find_room_of(near, first, second, IPV6, now);
}

static __always_inline __u32 find_room(const struct neighbourhood *n, __u64 version, __u32 now)
{
	return version == IPV6
		       ? find_room6(n->bucket[NEAR], n->bucket[FIRST], n->bucket[SECOND], now)
		       : find_room4(n->bucket[NEAR], n->bucket[FIRST], n->bucket[SECOND], now);
}

/* The slot that find_room() said. */
static __always_inline struct flow *flow_in_room(const struct neighbourhood *n, __u64 version,
						 __u32 room)
{
	void *bucket = room < FIRST * SLOTS    ? n->bucket[NEAR]
		       : room < SECOND * SLOTS ? n->bucket[FIRST]
					       : n->bucket[SECOND];

	return flow_at(bucket, room % SLOTS, version);
}

/* Takes the slot from its present owner. */
static __always_inline int claim(struct flow *f, __u64 control)
{
	if (exchange(&f->control, control, PHASE_BUSY << 62) != control)
		return 0;
	forget(control);
	return 1;
}

/* Fills a claimed slot. */
static __always_inline void publish(struct flow *f, const struct key *k, __u64 control)
{
	*(volatile __u64 *)&f->addresses = k->addresses;
	*(volatile __u64 *)&f->transport = k->transport;
	if (k->version == IPV6) {
		struct flow6 *f6 = (void *)f;

		f6->client = *k->client;
		f6->virtual_address = *k->virtual_address;
	}
	__sync_lock_test_and_set(&f->control, control);
}

/* A comparison after which the compiler must not use one pointer for the other: of `mine` a verifier
 * knows less (clang 16 did). */
static __always_inline int is_same(const struct flow *f, const struct flow *mine)
{
	__u64 pointer = (__u64)f;

	asm volatile("" : "+r"(pointer));
	return pointer == (__u64)mine;
}

/* Removes double entries of the flow just published, the later slot's; true if ours stays. */
static __always_inline int settle(struct neighbourhood *n, struct flow *mine, __u64 mine_control,
				  const struct key *wanted, __u32 now)
{
	int passed = 0;

#pragma unroll
	for (int k = 0; k < BUCKETS_OF_A_FLOW * SLOTS; k++) {
		struct flow *f = flow_at(n->bucket[k / SLOTS], k % SLOTS, wanted->version);
		__u64 c;

		if (!has_key(f, wanted))
			continue;
		if (is_same(f, mine)) {
			passed = 1;
			continue;
		}
		c = load(f->control);
		if (!is_current(c, now) || !has_addresses(f, wanted))
			continue;
		if (!passed) {
			if (exchange(&mine->control, mine_control, 0) == mine_control)
				forget(mine_control);
			return 0;
		}
		if (exchange(&f->control, c, 0) == c)
			forget(c);
	}
	return 1;
}

/* While a bucket overflows, flows without an entry are forwarded by hash: see forward_hashed. */
static __always_inline void mark_overflow(struct neighbourhood *n, __u32 now)
{
	((struct flow *)n->bucket[FIRST])->overflow = now + live.lifetime[1] + 1;
}

static __always_inline int overflows(struct neighbourhood *n, __u32 now)
{
	__u32 until = ((struct flow *)n->bucket[FIRST])->overflow;

	return until && (__s32)(until - now) > 0;
}
