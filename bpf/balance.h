/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Packets that are not just another of their flow: connections begin, are given up, and go on. */
#pragma once
#include "arrival.h"
#include "forward.h"
#include "persistence.h"
#include "room.h"
#include "states.h"

static __always_inline void count_packet(struct counters *c, const struct packet *p)
{
	c->packets++;
	c->bytes += p->length;
}

/* A packet of a flow that has no entry, because its neighbourhood is full of established flows:
 * the hash chooses the server, the same for all packets of the flow. */
static __always_inline int forward_hashed(struct xdp_md *ctx, const struct packet *p,
					  __u32 service, __u32 hash, __u32 cpu)
{
	int chosen = choose_by_hash(service, hash);

	if (chosen < 0)
		return XDP_DROP;

	struct destination *d = find_destination(chosen);
	struct counters *c = counters_of(cpu, chosen);

	if (!d || !c)
		return XDP_DROP;
	count_event(EVENT_HASHED);
	count_packet(c, p);
	if (p->flags & TCP_SYN)
		c->connections++;
	return to_forward(chosen, d->forwarding & 3);
}

/* A packet of a known connection (ipvs-semantics 1.7, steps 4 and 6); -1: look again. */
static __always_inline int continue_flow(struct xdp_md *ctx, const struct packet *p,
					 struct flow *f, __u64 control, __u32 now, __u32 cpu)
{
	struct destination *d = find_destination(destination_of(control));
	struct counters *c = counters_of(cpu, destination_of(control));

	if (!d || !c)
		return XDP_DROP;
	if (!(d->flags & DESTINATION_CONFIGURED)) {
		/* With its last service IPVS leaves the packet path altogether. */
		if (!live.services)
			return XDP_PASS;
		count_event(EVENT_DESTINATION_REMOVED);
		return XDP_DROP;
	}
	if (!advance(f, control, p, now))
		return -1;
	count_packet(c, p);
	return to_forward(destination_of(control), forwarding_of(control));
}

/* Enters a new flow into the claimed slot; -1: another CPU entered it too, look again. */
static __always_inline int start_flow(struct xdp_md *ctx, const struct packet *p,
				      struct neighbourhood *n, struct flow *slot, __u32 chosen,
				      __u32 now, __u32 cpu)
{
	struct destination *d = find_destination(chosen);
	struct counters *c = counters_of(cpu, chosen);

	if (!d || !c) {
		slot->control = 0;
		return XDP_DROP;
	}

	__u32 forwarding = d->forwarding & 3, one_way = forwarding != FORWARD_MASQUERADED;
	__u32 state = next_state(inwards(one_way), first_state(p->protocol), p->flags);
	__u64 control =
		control_word(state, chosen, forwarding, one_way, now + live.lifetime[state]);

	bind(load_of(chosen), active_connection[state]);
	publish(slot, &p->key, control);
	if (!settle(n, slot, control, &p->key, now))
		return -1;
	if (live.persistent && is_established(state))
		account(chosen, client_half(p, 0), client_half(p, 1), state, state);
	c->connections++;
	count_packet(c, p);
	if (forwarding != FORWARD_DIRECTLY || !is_plain(p, d))
		return to_forward(chosen, forwarding);
	decrement_ttl(p);
	return leave(ctx, d->interface, d->mac, d->source_mac);
}

/* Nobody to schedule to (ipvs-semantics 4.8). */
static __always_inline int refuse(struct xdp_md *ctx, const struct packet *p, int chosen)
{
	if (chosen == UNRESOLVED) {
		/* Not refused: the address is being resolved, the client tries again. */
		count_event(EVENT_UNRESOLVED);
		return XDP_DROP;
	}
	count_event(EVENT_NO_DESTINATION);
	return tell_nobody(ctx, p->version);
}

/* The destination for a new connection, by the client's template or by the scheduler. */
static __always_inline int assign(const struct service *s, const struct packet *p, __u32 service,
				  __u32 now)
{
	__u64 half0 = client_half(p, 0), half1 = client_half(p, 1);
	int chosen;

	if (!(s->flags & SERVICE_PERSISTENT))
		return s->port ? choose(service, folded_addresses(p), p->transport, now) : NOBODY;
	chosen = follow_template(service, half0, half1, now);
	if (chosen >= 0)
		return chosen;
	chosen = choose(service, folded_addresses(p), p->transport, now);
	if (chosen < 0 || lead_to(service, half0, half1, chosen, now))
		return chosen;
	return follow_template(service, half0, half1, now);
}

/* One-packet scheduling (4.5): each packet is a connection of its own, without an entry. */
static __always_inline int forward_once(struct xdp_md *ctx, const struct service *s,
					const struct packet *p, __u32 service, __u32 now,
					__u32 cpu)
{
	int chosen = assign(s, p, service, now);

	if (chosen < 0)
		return refuse(ctx, p, chosen);

	struct destination *d = find_destination(chosen);
	struct counters *c = counters_of(cpu, chosen);

	if (!d || !c)
		return XDP_DROP;
	c->connections++;
	count_packet(c, p);
	return to_forward(chosen, d->forwarding & 3);
}

/* Is the packet's connection over, so that the packet is looked at as if it had none (1.7, steps
 * 3 and 4)? Not static, so that it costs its caller no stack. */
__noinline int is_given_up(__u64 control, __u32 flags)
{
	const struct behaviour *b = &live.behaviour;
	__u32 destination = destination_of(control), state = state_of(control);
	struct destination *d = find_destination(destination);

	if (d && b->expire_nodest_conn && live.services &&
	    (!(d->flags & DESTINATION_CONFIGURED) || (flags & TCP_SYN && !d->weight)))
		return 1;
	return flags & TCP_SYN && b->conn_reuse_mode &&
	       (reusable[state] ||
		(b->conn_reuse_mode & 2 && state == STATE_FIN_WAIT && is_one_way(control))) &&
	       !is_controlled(destination);
}

/* drop_packet (4.9): of the packets that would begin a connection every so many-th is dropped, the
 * first one to begin with. */
static __always_inline int is_dropped_in_defence(void)
{
	const struct behaviour *b = &live.behaviour;

	if (!b->drop_packet || b->am_droprate <= 0 ||
	    __sync_fetch_and_add(&live.candidates, 1) % (__u32)b->am_droprate)
		return 0;
	count_event(EVENT_DEFENDED);
	return 1;
}

/* Of a connection that was given up; `slot`: 0 if there was none. */
static __always_inline void free_slot(struct flow *slot, __u64 given_up)
{
	if (slot)
		slot->control = 0;
	forget(given_up);
}

/* Was the checksum of the packet left to hardware there is none of? Not static, so that it costs its
 * caller no stack. */
__noinline int lacks_checksum(struct xdp_md *ctx)
{
	struct packet p;

	return parse_frame(ctx, &p) && is_for_us(ctx, &p) && parse_packet(ctx, &p) == OF_A_FLOW &&
	       checksum_is_missing(ctx, &p);
}

/* One attempt at a packet; -1 when another CPU changed what it was based on. */
static __always_inline int try_packet(struct xdp_md *ctx, const struct packet *p,
				      struct neighbourhood *n, __u32 service, int known, __u32 now,
				      __u32 cpu)
{
	struct flow *slot;
	struct service *s;
	__u64 control = 0, given_up = 0;
	int starts = p->protocol == IPPROTO_UDP || (p->flags & (TCP_SYN | TCP_RST)) == TCP_SYN ||
		     (p->protocol == IPPROTO_TCP && live.behaviour.sloppy_tcp &&
		      !(p->flags & TCP_RST));

	slot = known ? find_flow(n, &p->key, now, &control) : 0;
	if (slot) {
		if (!is_given_up(control, p->flags))
			return continue_flow(ctx, p, slot, control, now, cpu);
		if (exchange(&slot->control, control, PHASE_BUSY << 62) != control)
			return -1;
		given_up = control;
	}

	/* Port 20 is FTP data, never scheduled (1.11). */
	s = bpf_map_lookup_elem(&services, &service);
	if (s && !slot && adopts(s, p, now))
		starts = 1;
	if (!s || !starts || (__u16)p->transport == bpf_htons(20)) {
		if (slot)
			free_slot(slot, given_up);
		else if (s && p->protocol != IPPROTO_UDP && !(p->flags & TCP_RST) &&
			 overflows(n, now))
			return forward_hashed(ctx, p, service, hash_of(&p->key) >> 32, cpu);
		return XDP_PASS;
	}
	if (ingress(ctx)->verify_checksums && lacks_checksum(ctx)) {
		free_slot(slot, given_up);
		count_event(EVENT_CHECKSUM_OFFLOADED);
		return XDP_DROP;
	}
	if (is_dropped_in_defence()) {
		free_slot(slot, given_up);
		return XDP_DROP;
	}
	if (s->flags & SERVICE_ONE_PACKET && p->protocol == IPPROTO_UDP) {
		free_slot(slot, given_up);
		return forward_once(ctx, s, p, service, now, cpu);
	}
	if (!slot) {
		__u32 room = find_room(n, p->version, now);

		if (room >= NO_ROOM) {
			mark_overflow(n, now);
			return forward_hashed(ctx, p, service, hash_of(&p->key) >> 32, cpu);
		}
		slot = flow_in_room(n, p->version, room);
		control = load(slot->control);
		if (reluctance(control, now) == ~0ull)
			return -1;
		if (!claim(slot, control))
			return -1;
		if (control && !has_expired(control, now))
			count_event(EVENT_EVICTED);
	}

	/* The scheduler still counts a connection that was given up, as IPVS's does. */
	int chosen = assign(s, p, service, now);

	if (chosen < 0) {
		free_slot(slot, given_up);
		return refuse(ctx, p, chosen);
	}
	forget(given_up);
	return start_flow(ctx, p, n, slot, chosen, now, cpu);
}

static __always_inline int try_version(struct xdp_md *ctx, const struct arrival *a, __u64 version)
{
	struct neighbourhood n;
	struct packet p;

	if (!a || !recall(ctx, a, &p, version) || !find_neighbourhood(&p.key, &n))
		return XDP_PASS;
	return try_packet(ctx, &p, &n, a->service, a->known, now_in_ticks(),
			  bpf_get_smp_processor_id());
}

/* As try_packet(), verified once. */
__noinline int balance_once(struct xdp_md *ctx, const struct arrival *a)
{
	return try_version(ctx, a, IPV4);
}

__noinline int balance_once6(struct xdp_md *ctx, const struct arrival *a)
{
	return try_version(ctx, a, IPV6);
}

/* A packet that is not just another of its flow. Not inline: its way must not cost the others
 * registers. */
static __noinline int balance(struct xdp_md *ctx, struct arrival *a, int six)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		int verdict = six ? balance_once6(ctx, a) : balance_once(ctx, a);

		if (is_to_forward(verdict))
			return forward(ctx, verdict & 0x3fffff, verdict >> 24 & 3);
		if (verdict >= 0)
			return verdict;
		a->known = 1;
	}
	count_event(EVENT_CONTENTION);
	return XDP_DROP;
}
