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

static __always_inline void *near_bucket(__u64 hash, __u64 version)
{
	__u32 near = version == IPV6 ? near_buckets6 : near_buckets;

	return find_bucket(hash >> 32 & (near - 1), version);
}

/* The other two. False only to satisfy the verifier. */
static __always_inline int find_far(__u64 hash, __u64 version, struct neighbourhood *n)
{
	__u32 near = version == IPV6 ? near_buckets6 : near_buckets;
	__u32 far = version == IPV6 ? far_buckets6 : far_buckets;
	__u32 first = reduced(hash ^ hash >> 29, far);
	__u32 second = reduced((hash >> 32) * 0x9E3779B1u, far);

	if (second == first)
		second = first ? first - 1 : 1;
	n->bucket[FIRST] = find_bucket(near + first, version);
	n->bucket[SECOND] = find_bucket(near + second, version);
	return n->bucket[FIRST] && n->bucket[SECOND];
}

/* Where a flow may be. False only to satisfy the verifier. */
static __always_inline int find_neighbourhood(const struct key *k, struct neighbourhood *n)
{
	__u64 hash = hash_of(k);

	n->bucket[NEAR] = near_bucket(hash, k->version);
	return n->bucket[NEAR] && find_far(hash, k->version, n);
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

/* find_flow() in two steps, for whoever has less to do if the flow is nearby. */
static __always_inline struct flow *find_nearby(const struct key *k, __u64 hash, __u32 now,
						__u64 *control)
{
	void *near = near_bucket(hash, k->version);

	return near ? find_in(near, k, now, control) : 0;
}

static __always_inline struct flow *find_far_away(const struct key *k, __u64 hash, __u32 now,
						  __u64 *control)
{
	struct neighbourhood n;
	struct flow *f;

	if (!find_far(hash, k->version, &n))
		return 0;
	f = find_in(n.bucket[FIRST], k, now, control);
	return f ? f : find_in(n.bucket[SECOND], k, now, control);
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
