/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The connection tables, one for each version of IP: set-associative, three candidate buckets a
 * flow, shared by all CPUs. One of the three is a near one, of which there are so few that they stay
 * in a CPU's cache: flows are entered there as long as there is room, so that it costs no miss to
 * find them unless there are many (near_buckets_of(), dataplane/xdp/loader.py). A flow of IPv6 begins with a struct
 * flow, and is one to whoever has found it.
 *
 * Why it is right under concurrency:
 *  - A slot changes hands by a compare-and-exchange of `control` to PHASE_BUSY, gets its key, and
 *    is published by an exchange. Whoever succeeds in replacing a live control word by another
 *    flow's, or by 0, takes the old flow out of its destination's counters; nobody else does.
 *  - A state change is a compare-and-exchange too; the loser looks again.
 *  - Two CPUs may enter the same flow into two slots. Each looks for the other after publishing
 *    (the exchange is a full barrier, so at least one sees it), and the entry in the later slot
 *    is removed.
 *  - An expired entry is free for the packet path; the sweep, once a second, clears it. */
#pragma once
#include "loads.h"
#include "parse.h"

#define PHASE_BUSY 1ull
#define PHASE_LIVE 2ull
#define ATTEMPTS 4	/* against other CPUs, before a packet is dropped */

#define BUCKETS_OF_A_FLOW 3
#define NEAR 0	/* in neighbourhood.bucket */
#define FIRST 1
#define SECOND 2

struct neighbourhood {
	void *bucket[BUCKETS_OF_A_FLOW];	/* struct bucket or struct bucket6 */
};

static __always_inline __u32 now_in_ticks(void)
{
	return bpf_jiffies64() * live.tick_multiplier >> 24;
}

static __always_inline __u64 control_word(__u32 state, __u32 destination, __u32 forwarding,
					  __u32 one_way, __u32 expires)
{
	return PHASE_LIVE << 62 | (__u64)one_way << 61 | (__u64)state << 56 |
	       (__u64)forwarding << 54 | (__u64)destination << 32 | expires;
}

static __always_inline __u32 phase_of(__u64 control) { return control >> 62; }
static __always_inline __u32 is_one_way(__u64 control) { return control >> 61 & 1; }
static __always_inline __u32 state_of(__u64 control) { return control >> 56 & (STATES - 1); }
static __always_inline __u32 forwarding_of(__u64 control) { return control >> 54 & 3; }
static __always_inline __u32 destination_of(__u64 control) { return control >> 32 & 0x3fffff; }

static __always_inline int has_expired(__u64 control, __u32 now)
{
	return (__s32)((__u32)control - now) <= 0;
}

static __always_inline int is_current(__u64 control, __u32 now)
{
	return phase_of(control) == PHASE_LIVE && !has_expired(control, now);
}

static __always_inline __u64 exchange(__u64 *word, __u64 old, __u64 new)
{
	return __sync_val_compare_and_swap(word, old, new);
}

static __always_inline void *find_bucket(__u32 index, __u64 version)
{
	return version == IPV6 ? bpf_map_lookup_elem(&flows6, &index)
			       : bpf_map_lookup_elem(&flows, &index);
}

/* A hash, brought down to less than `count`. */
static __always_inline __u32 reduced(__u32 hash, __u32 count)
{
	return (__u64)hash * count >> 32;
}

static __always_inline __u64 hash_of(const struct key *k)
{
	__u64 x = (k->addresses ^ live.hash_seed) * 0x9E3779B97F4A7C15ull;

	x ^= x >> 32;
	return (x ^ k->transport) * 0xD6E8FEB86659FD93ull;
}

/* Where a flow may be. False only to satisfy the verifier. */
static __always_inline int find_neighbourhood(const struct key *k, struct neighbourhood *n)
{
	__u64 x = hash_of(k);
	__u32 hash = x >> 32;
	__u32 near = k->version == IPV6 ? near_buckets6 : near_buckets;
	__u32 far = k->version == IPV6 ? far_buckets6 : far_buckets;
	__u32 first = reduced(x ^ x >> 29, far), second = reduced(hash * 0x9E3779B1u, far);

	if (second == first)
		second = first ? first - 1 : 1;
	n->bucket[NEAR] = find_bucket(hash & (near - 1), k->version);
	n->bucket[FIRST] = find_bucket(near + first, k->version);
	n->bucket[SECOND] = find_bucket(near + second, k->version);
	return n->bucket[NEAR] && n->bucket[FIRST] && n->bucket[SECOND];
}

static __always_inline struct flow *flow_at(void *bucket, __u32 slot, __u64 version)
{
	return version == IPV6 ? &((struct bucket6 *)bucket)->flow[slot].flow
			       : &((struct bucket *)bucket)->flow[slot];
}

static __always_inline int has_key(const struct flow *f, const struct key *k)
{
	return load(f->addresses) == k->addresses && load(f->transport) == k->transport;
}

/* Beyond has_key(). */
static __always_inline int has_addresses(const struct flow *f, const struct key *k)
{
	const struct flow6 *f6 = (const void *)f;

	return k->version != IPV6 || (same_address(&f6->client, k->client) &&
				      same_address(&f6->virtual_address, k->virtual_address));
}

/* The key is compared again after reading `control`: x86 reads in order, so a slot that changed
 * hands in between does not match twice. */
static __always_inline struct flow *find_in(void *bucket, const struct key *k, __u32 now,
					    __u64 *control)
{
#pragma unroll
	for (int i = 0; i < SLOTS; i++) {
		struct flow *f = flow_at(bucket, i, k->version);

		if (!has_key(f, k))
			continue;
		*control = load(f->control);
		if (is_current(*control, now) && has_key(f, k) && has_addresses(f, k))
			return f;
	}
	return 0;
}

static __always_inline struct flow *find_flow(struct neighbourhood *n, const struct key *k,
					      __u32 now, __u64 *control)
{
	struct flow *f = find_in(n->bucket[NEAR], k, now, control);

	if (!f)
		f = find_in(n->bucket[FIRST], k, now, control);
	return f ? f : find_in(n->bucket[SECOND], k, now, control);
}

static __always_inline int is_template(__u64 control)
{
	return (state_of(control) & ~1u) == STATE_TEMPLATE;
}

/* Accounts for an entry that the caller has just taken away. */
static __always_inline void forget(__u64 control)
{
	if (phase_of(control) != PHASE_LIVE)
		return;
	if (is_template(control))
		count_template(destination_of(control), -1);
	else
		unbind(load_of(destination_of(control)), active_connection[state_of(control)]);
}

/* What a packet's look-up may say beside the verdicts of XDP: by which way forward() shall send
 * it. The ways of the packets that are not plain come together there. */
#define TO_FORWARD (1 << 30)

static __always_inline int to_forward(__u32 destination, __u32 forwarding)
{
	return TO_FORWARD | forwarding << 24 | destination;
}

static __always_inline int is_to_forward(int verdict) { return verdict >= TO_FORWARD; }

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

#define OCCUPIED 16	/* beyond any slot; and the slot that is */
#define NO_ROOM (2 * OCCUPIED)

struct room {
	__u64 reluctance;
	__u32 slot;
	__u32 free;		/* slots of the bucket */
};

static __always_inline struct room find_room_in(void *bucket, __u64 version, __u32 now)
{
	struct room room = {.reluctance = ~0ull};

#pragma unroll
	for (int i = 0; i < SLOTS; i++) {
		__u64 r = reluctance(load(flow_at(bucket, i, version)->control), now);

		room.free += !r;
		if (r < room.reluctance) {
			room.reluctance = r;
			room.slot = i;
		}
	}
	return room;
}

/* Which of two buckets' slots a new flow would take, plus OCCUPIED if another flow must be given up
 * for it, or NO_ROOM when all have flows that must not be. The first two flows go to their first
 * bucket at once, for look-ups then end there; after that the emptier one is taken. At capacity
 * (half of all slots) 3 flows in 100,000 so find no room, and one in five is found in its second
 * bucket only. */
static __always_inline __u32 find_room_of(void *first, void *second, __u64 version, __u32 now)
{
	struct room one, two;

	if (!first || !second)
		return NO_ROOM;
	one = find_room_in(first, version, now);
	if (one.free >= SLOTS - 1)
		return one.slot;
	two = find_room_in(second, version, now);
	if (two.free > one.free || (!one.free && two.reluctance < one.reluctance))
		return SLOTS + two.slot + (two.free ? 0 : OCCUPIED);
	if (one.free)
		return one.slot;
	return ~one.reluctance ? one.slot + OCCUPIED : NO_ROOM;
}

/* Not static, so that the verifier's many ways through it are walked once. */
__noinline __u32 find_room4(struct bucket *first, struct bucket *second, __u32 now)
{
	return find_room_of(first, second, IPV4, now);
}

__noinline __u32 find_room6(struct bucket6 *first, struct bucket6 *second, __u32 now)
{
	return find_room_of(first, second, IPV6, now);
}

static __always_inline __u32 find_room_in_two(void *first, void *second, __u64 version, __u32 now)
{
	return version == IPV6 ? find_room6(first, second, now) : find_room4(first, second, now);
}

/* The slot of the neighbourhood that a new flow would take, or NO_ROOM: a near one if it is free, and
 * if it is not, before there is no room at all. */
static __always_inline __u32 find_room(const struct neighbourhood *n, __u64 version, __u32 now)
{
	__u32 near = find_room_in_two(n->bucket[NEAR], n->bucket[NEAR], version, now), far;

	if (near < OCCUPIED)
		return near;
	far = find_room_in_two(n->bucket[FIRST], n->bucket[SECOND], version, now);
	if (far < NO_ROOM)
		return FIRST * SLOTS + far % OCCUPIED;
	return near < NO_ROOM ? near % OCCUPIED : NO_ROOM;
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

		if (is_same(f, mine)) {
			passed = 1;
			continue;
		}
		if (!has_key(f, wanted))
			continue;
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
