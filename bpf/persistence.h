/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Persistence (ipvs-semantics 3): the first connection of a client, or of all clients under a
 * mask, is scheduled, and a template makes the next ones follow it, whatever weight or overload
 * say. Templates are entries of the connection table: bounded, expired, evicted and taken over
 * like all others. Nothing in a connection refers to its template: service and client lead there.
 * All functions here that are not static are so that they are verified once. */
#pragma once
#include "room.h"
#include "services.h"

#define DEFERRAL (60 * TICKS_PER_SECOND)
#define GUARD_ROUNDS 4		/* sweeps until every flow has looked after its template */
#define GUARD_TICKS ((GUARD_ROUNDS + 1) * TICKS_PER_SECOND)
#define LONGEST 0x7fffffffu	/* ticks */

struct template {
	struct key key;
	union address client;	/* masked */
	struct neighbourhood n;
	struct flow *entry;
	__u64 control;
};

/* The first `bits` of an address's half that holds its 64 bits after the first `before`. */
static __always_inline __u64 masked_half(__u64 half, __u32 before, __u32 bits)
{
	if (bits >= before + 64)
		return half;
	return bits > before ? half & bpf_cpu_to_be64(~0ull << (before + 64 - bits)) : 0;
}

/* Where the template of a client of the service may be. The client is given in halves; of an IPv4
 * address the second is 0. */
static __always_inline int locate_template(struct template *t, const struct service *s,
					   __u64 half0, __u64 half1)
{
	__builtin_memset(t, 0, sizeof(*t));
	t->key.transport = KIND_TEMPLATE | (__u64)s->protocol << 32 | (__u32)s->port << 16;
	if (s->version != IPV6) {
		t->key.version = settled(IPV4);
		t->key.addresses = (__u64)s->address.ipv4 << 32 | ((__u32)half0 & s->netmask);
		return find_neighbourhood(&t->key, &t->n);
	}
	t->key.version = settled(IPV6);
	t->client.half[0] = masked_half(half0, 0, bpf_ntohl(s->netmask));
	t->client.half[1] = masked_half(half1, 64, bpf_ntohl(s->netmask));
	t->key.client = &t->client;
	t->key.virtual_address = &s->address;
	t->key.addresses = number_after(number_of(&s->address), &t->client);
	return find_neighbourhood(&t->key, &t->n);
}

static __always_inline int find_template(struct template *t, const struct service *s,
					 __u64 half0, __u64 half1, __u32 now)
{
	if (!locate_template(t, s, half0, half1))
		return 0;
	t->entry = find_flow(&t->n, &t->key, now, &t->control);
	return t->entry != 0;
}

static __always_inline struct service *persistent_service(__u32 service)
{
	struct service *s = bpf_map_lookup_elem(&services, &service);

	return s && s->flags & SERVICE_PERSISTENT ? s : 0;
}

static __always_inline struct service *controlling_service(__u32 destination)
{
	struct destination *d = find_destination(destination);

	return d ? persistent_service(d->service) : 0;
}

/* Is a connection to the destination one that a template controls? */
static __always_inline int is_controlled(__u32 destination)
{
	return live.persistent && controlling_service(destination);
}

static __always_inline int is_usable(__u32 destination)
{
	struct destination *d = find_destination(destination);

	return d && d->flags & DESTINATION_CONFIGURED &&
	       (d->weight || !live.behaviour.expire_quiescent_template);
}

/* Renames the template, so that it is found no more; its time goes on. */
static __always_inline void retire(struct template *t)
{
	if (exchange(&t->entry->control, t->control, PHASE_BUSY << 62) != t->control)
		return;
	*(volatile __u64 *)&t->entry->transport = t->key.transport | KIND_RETIRED | 0xffff0000;
	__sync_lock_test_and_set(&t->entry->control, t->control);
}

/* Where the client's template leads, which from now on lives for its whole time again; NOBODY if
 * there is none that can be used. */
__noinline int follow_template(__u32 service, __u64 half0, __u64 half1, __u32 now)
{
	struct service *s = persistent_service(service);
	struct template t;

	if (!s)
		return NOBODY;
	for (int i = 0; i < ATTEMPTS; i++) {
		__u64 updated;

		if (!find_template(&t, s, half0, half1, now))
			return NOBODY;
		if (!is_usable(destination_of(t.control))) {
			retire(&t);
			continue;
		}
		updated = t.control >> 32 << 32 | (__u32)(now + load(t.entry->timeout));
		if (updated == t.control || exchange(&t.entry->control, t.control, updated) == t.control)
			return destination_of(t.control);
	}
	return NOBODY;
}

static __always_inline __u32 ticks_of(__u32 seconds)
{
	return seconds < LONGEST / TICKS_PER_SECOND ? seconds * TICKS_PER_SECOND + 1 : LONGEST;
}

/* Makes a template that leads to the destination; false if another CPU had the client's first
 * connection at the same time, and its template counts. */
__noinline int lead_to(__u32 service, __u64 half0, __u64 half1, __u32 chosen, __u32 now)
{
	struct service *s = persistent_service(service);
	struct template t;
	__u64 control;

	if (!s || !locate_template(&t, s, half0, half1))
		return 1;

	__u32 room = find_room(&t.n, t.key.version, now);

	t.entry = flow_in_room(&t.n, t.key.version, room);
	control = load(t.entry->control);
	if (room >= NO_ROOM || reluctance(control, now) == ~0ull || !claim(t.entry, control)) {
		count_event(EVENT_NO_TEMPLATE);
		return 1;
	}
	if (control && !has_expired(control, now))
		count_event(EVENT_EVICTED);
	t.entry->timeout = ticks_of(s->timeout);
	control = control_word(STATE_TEMPLATE, chosen, 0, 0, now + t.entry->timeout);
	count_template(chosen, 1);
	publish(t.entry, &t.key, control);
	return settle(&t.n, t.entry, control, &t.key, now);
}

/* A connection to the destination is established, or was answered: the client is a real one. */
__noinline int assure(__u32 destination, __u64 half0, __u64 half1)
{
	struct service *s = controlling_service(destination);
	struct template t;

	if (s && find_template(&t, s, half0, half1, now_in_ticks()) &&
	    state_of(t.control) == STATE_TEMPLATE && destination_of(t.control) == destination)
		exchange(&t.entry->control, t.control, t.control + (1ull << 56));
	return 0;
}

/* A template does not expire while it controls a connection: for each one that the sweep meets in
 * the last seconds of the template's time, it gets a minute more, now and from now on. */
__noinline int guard(__u32 destination, __u64 half0, __u64 half1)
{
	struct service *s = controlling_service(destination);
	__u32 now = now_in_ticks();
	struct template t;

	if (!s || !find_template(&t, s, half0, half1, now) ||
	    destination_of(t.control) != destination || (__u32)t.control - now > GUARD_TICKS)
		return 0;
	if (exchange(&t.entry->control, t.control,
		     t.control >> 32 << 32 | (__u32)(t.control + DEFERRAL)) == t.control)
		t.entry->timeout = DEFERRAL + 1;
	return 0;
}
