/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Virtual services and the lists of their destinations. */
#pragma once
#include "flows.h"

#define PLACE_BITS 20
#define PLACE ((1u << PLACE_BITS) - 1)

#define NO_SERVICE ~0u
#define NOBODY -1	/* in place of a destination */

static __always_inline __u32 *find_service_at(const struct packet *p, __u16 port)
{
	if (p->version == IPV6) {
		struct service_key6 key = {.port = port, .protocol = p->protocol};

		__builtin_memcpy(key.address, p->virtual_address, sizeof(key.address));
		return bpf_map_lookup_elem(&service_ids6, &key);
	}

	struct service_key key = {
		.address = p->addresses >> 32,
		.port = port,
		.protocol = p->protocol,
	};

	return bpf_map_lookup_elem(&service_ids, &key);
}

/* The number of the packet's service, or NO_SERVICE: its own port's, or that of all ports. */
static __always_inline __u32 find_service(const struct packet *p)
{
	__u32 *id = find_service_at(p, p->transport >> 16);

	if (!id && live.wildcards)
		id = find_service_at(p, 0);
	return id ? *id : NO_SERVICE;
}

/* Can there be a service or a connection of the packet's address, port and protocol? What has no
 * service and never had one since the tables were made has no connection either, and the far buckets
 * need not be asked. So bits stay: a removed service leaves connections behind. */
static __always_inline int may_be_served(const struct packet *p)
{
	__u32 address = p->version == IPV6 ? number_of(p->virtual_address) : p->addresses >> 32;
	__u32 bit = (address ^ (__u32)(p->transport >> 16)) * 0x9E3779B1u >> 16;

	return live.service_filter[bit >> 5] >> (bit & 31) & 1;
}

static __always_inline struct destination *find_destination(__u32 id)
{
	return bpf_map_lookup_elem(&destinations, &id);
}

/* Is a TCP packet without an entry one of a connection that another director opened? So it is taken
 * for a while after this one took addresses over, if the scheduler is a hash: then it leads to the
 * same server here as there. */
static __always_inline int adopts(const struct service *s, const struct packet *p, __u32 now)
{
	return live.takeover && (__s32)((__u32)live.takeover - now) > 0 &&
	       p->protocol == IPPROTO_TCP && p->flags & TCP_ACK && !(p->flags & TCP_RST) &&
	       (s->scheduler == SCHEDULER_MH || s->scheduler == SCHEDULER_SH ||
		s->scheduler == SCHEDULER_DH);
}

/* What a scheduler looks at while it chooses a destination for a new connection. */
struct choice {
	__u64 list;		/* as it was when the choice began */
	__u64 turn;		/* the service's, then */
	__u64 cost;		/* of the best so far */
	__u32 weight;		/* of the best so far */
	__u32 stamp;		/* lblcr: of the best so far */
	__u32 place;		/* of the best so far */
	__u32 chosen;		/* its destination */
	__u32 hash_input;	/* sh, mh: client; dh: virtual address */
	__u32 next;		/* place to look at */
	__u32 level;		/* wrr: least weight looked for; lblcr: newest stamp */
	__u8 scheduler;
	__u8 flags;
	__u8 found;
	__u8 unresolved;	/* passed one that only lacks its MAC address */
	__u8 busy;		/* lblc, lblcr: another has room to spare */
	__u8 members;		/* lblcr: of the set, up to 2 */
};

static __always_inline __u32 length_of(const struct choice *c)
{
	return c->list >> PLACE_BITS & PLACE;
}

/* 0: the list is empty, and what is at its index is another's. */
static __always_inline struct list_head *head_of(const struct choice *c)
{
	__u32 index = c->list >> 2 * PLACE_BITS;
	union list_entry *entry;

	if (!length_of(c))
		return 0;
	entry = bpf_map_lookup_elem(&members, &index);

	return entry ? &entry->head : 0;
}

static __always_inline struct member *member_at(const struct choice *c, __u32 place)
{
	__u32 index = (c->list >> 2 * PLACE_BITS) + 1 + place;
	union list_entry *entry = bpf_map_lookup_elem(&members, &index);

	return entry ? &entry->member : 0;
}

/* A 0 that no verifier knows. Linux before 6.7 verifies the function of a bpf_loop() for its first
 * round only, and takes out as dead what that does not reach: of what one round leaves to the next
 * nothing may be known at the start. */
static __always_inline __u32 unknown_zero(const struct service *s) { return load(s->zero); }

/* `zero`: as unknown_zero() says, if there will be a bpf_loop(). */
static __always_inline void begin_choice(struct choice *c, struct service *s, __u32 zero)
{
	*c = (struct choice){
		.list = load(s->list),
		.turn = load(s->turn),
		.cost = zero,
		.weight = zero,
		.stamp = zero,
		.place = zero,
		.chosen = zero,
		.next = zero,
		.level = zero,
		.scheduler = s->scheduler,
		.flags = s->flags,
		.found = zero,
		.unresolved = zero,
		.busy = zero,
		.members = zero,
	};
}

/* The scheduler's memory for this list. */
static __always_inline __u64 turn_of(const struct choice *c)
{
	struct list_head *head;

	if (c->turn >> 52 == (c->list & 0xfff))
		return c->turn;
	head = head_of(c);
	return head ? head->turn : 0;
}

static __always_inline __u32 cursor_of(__u64 turn) { return turn >> 32 & PLACE; }

/* A choice that nothing comes of: the scheduler must not remember it. */
#define IN_THOUGHT (1u << 31)	/* in choose()'s number of the service */
#define CHOICE_IN_THOUGHT 128	/* in choice.flags, beside the service's */

/* Remembers cursor and level; false when another CPU has chosen meanwhile. */
static __always_inline int remember(struct service *s, const struct choice *c, __u32 cursor,
				    __u32 level)
{
	__u64 turn = (c->list & 0xfff) << 52 | (__u64)cursor << 32 | level;

	if (c->flags & CHOICE_IN_THOUGHT)
		return 1;
	return turn == c->turn || exchange(&s->turn, c->turn, turn) == c->turn;
}

/* The load of a member that new connections may go to; 0 if they may not (ipvs-semantics 2.2). */
static __always_inline struct load *selectable(struct choice *c, const struct member *m)
{
	struct destination *d;
	struct load *l;

	if (!m->weight)
		return 0;
	d = find_destination(m->destination);
	l = load_of(m->destination);
	if (!d || !l || load(l->connections) & LOAD_OVERLOADED)
		return 0;
	if (!(d->flags & (DESTINATION_RESOLVED | DESTINATION_LOCAL))) {
		c->unresolved = 1;
		return 0;
	}
	return l;
}

static __always_inline void take(struct choice *c, const struct member *m, __u32 place)
{
	c->chosen = m->destination;
	c->place = place;
	c->found = 1;
}
