/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* From masqueraded servers back to clients. No entry of its own leads from a reply to its
 * connection: server, port and protocol give the destination, and so what the client sees of it;
 * with the client's address that is the key of the connection. A server that several services
 * masquerade to has a destination in each; the one that has the connection is it. */
#pragma once
#include "forward.h"
#include "states.h"

#define AF_INET 2
#define SIBLINGS 4096		/* at most looked at */
#define NO_FLOW -2

/* The way to the client, as the kernel routes what comes from the virtual address. */
static __always_inline long find_route(struct xdp_md *ctx, const struct packet *p, __u32 source,
				       struct bpf_fib_lookup *route)
{
	__builtin_memset(route, 0, sizeof(*route));
	route->family = AF_INET;
	route->tos = p->ip->tos;
	route->l4_protocol = p->protocol;
	route->tot_len = is_merged(p) ? 0 : p->length;
	route->ipv4_src = source;
	route->ipv4_dst = p->ip->daddr;
	route->ifindex = ctx->ingress_ifindex;
	return bpf_fib_lookup(ctx, route, sizeof(*route), 0);
}

/* What becomes of the packet before it is looked at as a connection's; 0: nothing yet. */
static __always_inline int leave_early(struct xdp_md *ctx, const struct packet *p, long found,
				       const struct bpf_fib_lookup *route, __u32 director)
{
	if (p->ip->ttl <= 1) {
		count_event(EVENT_TTL_EXCEEDED);
		return send_icmp(ctx, ICMP_TIME_EXCEEDED, 0, 0, director);
	}
	if (found == BPF_FIB_LKUP_RET_FRAG_NEEDED) {
		count_event(EVENT_TOO_BIG);
		return send_icmp(ctx, ICMP_DESTINATION_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED,
				 route->mtu_result, director);
	}
	if (found == BPF_FIB_LKUP_RET_NO_NEIGH) {
		count_event(EVENT_UNRESOLVED);
		live.unresolved_hop = (__u64)route->ifindex << 32 | route->ipv4_dst;
		return XDP_DROP;
	}
	return XDP_PASS;	/* no way: the kernel says so to the server */
}

/* As the destination's connection; NO_FLOW if it is not, -1: look again. */
__noinline int reply_once(struct xdp_md *ctx, __u32 destination)
{
	struct destination *d = find_destination(destination);
	__u32 cpu = bpf_get_smp_processor_id(), now = now_in_ticks();
	struct counters *c = counters_of(cpu, destination);
	struct bpf_fib_lookup route;
	struct neighbourhood n;
	struct packet p;
	__u64 control = 0;

	if (!d || !c || !parse_frame(ctx, &p) || !is_for_us(ctx, &p) ||
	    parse_packet(&p) != OF_A_FLOW)
		return XDP_PASS;
	p.addresses = (__u64)d->virtual_address << 32 | p.ip->daddr;
	/* With a service of all ports the server's is that which the client asked for. */
	p.transport = (__u64)p.protocol << 32 | (__u16)(p.transport >> 16) |
		      (__u32)(d->virtual_port ? d->virtual_port : (__u16)p.transport) << 16;
	if (!find_neighbourhood(&p, &n))
		return NO_FLOW;

	struct flow *f = find_flow(&n, &p, now, &control);

	/* Without one the packet may still be of a flow that there was no room for. */
	if (f ? destination_of(control) != destination ||
			forwarding_of(control) != FORWARD_MASQUERADED
	      : !overflows(&n, now) || d->forwarding != FORWARD_MASQUERADED)
		return NO_FLOW;

	long found = find_route(ctx, &p, d->virtual_address, &route);

	if (found || p.ip->ttl <= 1)
		return leave_early(ctx, &p, found, &route, d->source);
	if (p.verify_checksum && p.flags & TCP_SYN && checksum_is_missing(ctx, &p)) {
		count_event(EVENT_CHECKSUM_OFFLOADED);
		return XDP_DROP;
	}
	if (is_stuck(ctx, &p, route.ifindex))
		return XDP_DROP;
	if (!f)
		count_event(EVENT_HASHED);
	else if (!advance(f, control, &p, 1, now))
		return -1;
	c->packets_out++;
	c->bytes_out += p.length;
	decrement_ttl(p.ip);
	if (!translate(&p, is_unfinished(ctx, &p), 1, d->virtual_address, d->virtual_port))
		return XDP_DROP;
	return leave(ctx, route.ifindex, route.dmac, route.smac);
}

struct siblings {
	struct xdp_md *ctx;
	__u32 next;		/* 1 + destination */
	__u32 client;
	__u32 protocol;
	int verdict;
};

static long try_sibling(__u32 i, struct siblings *s)
{
	struct destination *d;

	if (!s->next)
		return 1;
	s->verdict = NO_FLOW;
	for (int k = 0; k < ATTEMPTS; k++) {
		s->verdict = reply_once(s->ctx, s->next - 1);
		if (s->verdict != -1)
			break;
	}
	if (s->verdict != NO_FLOW) {
		if (s->protocol == IPPROTO_UDP && live.persistent)
			assure(s->next - 1, s->client);
		return 1;
	}
	d = find_destination(s->next - 1);
	s->next = d ? d->sibling : 0;
	return 0;
}

/* The first destination that the packet's source is the server of; 0: none, else 1 + it. */
static __always_inline __u32 find_server(__u32 address, __u16 port, __u8 protocol)
{
	struct service_key key = {.address = address, .port = port, .protocol = protocol};
	__u32 *first = bpf_map_lookup_elem(&masqueraded, &key);

	return first ? *first + 1 : 0;
}

/* A packet that may be a server's, but is not for an address that is held. Not static, so that
 * it is verified once. */
__noinline int reply(struct xdp_md *ctx)
{
	struct siblings s = {.ctx = ctx, .verdict = NO_FLOW};
	struct packet p;
	__u32 server;

	if (!parse_frame(ctx, &p) || !is_for_us(ctx, &p) || parse_packet(&p) != OF_A_FLOW)
		return XDP_PASS;
	server = p.ip->saddr;
	s.client = p.ip->daddr;
	s.protocol = p.protocol;
	s.next = find_server(server, p.transport, p.protocol);
	bpf_loop(SIBLINGS, try_sibling, &s, 0);
	if (s.verdict == NO_FLOW && live.wildcards) {
		s.next = find_server(server, 0, p.protocol);
		bpf_loop(SIBLINGS, try_sibling, &s, 0);
	}
	if (s.verdict == -1) {
		count_event(EVENT_CONTENTION);
		return XDP_DROP;
	}
	return s.verdict < 0 ? XDP_PASS : s.verdict;
}
