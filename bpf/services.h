/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Virtual services and round robin (ipvs-semantics 2.4). */
#pragma once
#include "flows.h"

#define CURSOR_BITS 20
#define FIELD ((1u << CURSOR_BITS) - 1)

#define NO_SERVICE ~0u

/* The number of the packet's service, or NO_SERVICE. */
static __always_inline __u32 find_service(const struct packet *p)
{
	struct service_key key = {
		.address = p->addresses >> 32,
		.port = p->transport >> 16,
		.protocol = p->protocol,
	};
	__u32 *id = bpf_map_lookup_elem(&service_ids, &key);

	return id ? *id : NO_SERVICE;
}

static __always_inline struct destination *find_destination(__u32 id)
{
	return bpf_map_lookup_elem(&destinations, &id);
}

struct walk {
	__u32 first;		/* of the list */
	__u32 length;
	__u32 next;		/* index to look at */
	__u32 chosen;		/* destination */
	__u8 found;
	__u8 unresolved;	/* passed one that only lacks its MAC address */
};

static long walk_step(__u32 i, struct walk *w)
{
	if (w->next >= w->length)
		w->next = 0;

	__u32 index = w->first + w->next++;
	struct member *m = bpf_map_lookup_elem(&members, &index);

	if (!m || !m->weight)
		return 0;

	__u32 id = m->destination;
	struct destination *d = find_destination(id);

	if (!d)
		return 0;
	if (!(d->flags & (DESTINATION_RESOLVED | DESTINATION_LOCAL))) {
		w->unresolved = 1;
		return 0;
	}
	w->chosen = id;
	w->found = 1;
	return 1;
}

/* The first selectable member from `start` on, all the way round. */
static __always_inline void walk_members(struct walk *w, __u64 rotation, __u32 start)
{
	*w = (struct walk){
		.first = rotation >> 2 * CURSOR_BITS,
		.length = rotation >> CURSOR_BITS & FIELD,
		.next = start,
	};
	bpf_loop(w->length, walk_step, w, 0);
}

/* Round robin: the next selectable member after the last chosen. The list and the cursor are one
 * word, so a switch to another list never meets the old one's cursor. */
static __always_inline void round_robin(struct service *s, struct walk *w)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		__u64 rotation = load(s->rotation);

		walk_members(w, rotation, rotation & FIELD);
		if (!w->found)
			return;

		__u64 moved = (rotation & ~(__u64)FIELD) | w->next;

		if (exchange(&s->rotation, rotation, moved) == rotation)
			return;
	}
}

/* For flows that have no entry: the same flow always goes to the same member. */
static __always_inline void by_hash(struct service *s, __u32 hash, struct walk *w)
{
	__u64 rotation = load(s->rotation);

	walk_members(w, rotation, (__u64)hash * (rotation >> CURSOR_BITS & FIELD) >> 32);
}
