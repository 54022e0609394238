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

/* What reply() shall tell the server, beside the verdicts of XDP: that the packet is longer than
 * an MTU, or if that is 0, that its time is over. */
#define TO_TELL (1 << 30)

/* Addresses the frame to the next hop towards the client, as the kernel routes what comes from
 * the virtual address (`source`): the number of its interface, or 0 and below, what becomes of
 * the packet without a way: minus a verdict or TO_TELL. */
__noinline int aim(struct xdp_md *ctx, __u32 source)
{
	struct bpf_fib_lookup route = {.family = AF_INET};
	struct packet p;

	if (!parse_frame(ctx, &p))
		return -XDP_DROP;
	p.mtu = ingress(ctx)->mtu;
	p.length = bpf_ntohs(p.ip->tot_len);
	route.tos = p.ip->tos;
	route.l4_protocol = p.ip->protocol;
	route.tot_len = is_merged(&p) ? 0 : p.length;
	route.ipv4_src = source;
	route.ipv4_dst = p.ip->daddr;
	route.ifindex = ctx->ingress_ifindex;
	switch (bpf_fib_lookup(ctx, &route, sizeof(route), 0)) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		break;
	case BPF_FIB_LKUP_RET_FRAG_NEEDED:
		count_event(EVENT_TOO_BIG);
		return -(TO_TELL | route.mtu_result);
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		count_event(EVENT_UNRESOLVED);
		live.unresolved_hop = (__u64)route.ifindex << 32 | route.ipv4_dst;
		return -XDP_DROP;
	default:
		return -XDP_PASS;	/* the kernel tells the server, if anybody */
	}
	if (is_stuck(ctx, &p, route.ifindex))
		return -XDP_DROP;
	__builtin_memcpy(p.eth->h_dest, route.dmac, ETH_ALEN);
	__builtin_memcpy(p.eth->h_source, route.smac, ETH_ALEN);
	return route.ifindex;
}

/* Sends a translated packet on by the interface. */
static __always_inline int leave_by(struct xdp_md *ctx, int interface)
{
	return interface == (int)ctx->ingress_ifindex ? send_back(ctx)
						       : bpf_redirect(interface, 0);
}

static __always_inline int expire(void)
{
	count_event(EVENT_TTL_EXCEEDED);
	return TO_TELL;
}

/* What the destination's connection with this client is known by. */
static __always_inline void be_reply(struct packet *p, const struct destination *d, __u32 client,
				     __u16 port, __u8 protocol)
{
	p->addresses = (__u64)d->virtual_address << 32 | client;
	p->transport = (__u64)protocol << 32 | (__u32)d->virtual_port << 16 | port;
}

/* The server's address or port, of a packet to or about the client, becomes the virtual one. */
static __always_inline int translate_back(struct xdp_md *ctx, const struct packet *p,
					  const struct destination *d)
{
	decrement_ttl(p->ip);
	if (p->protocol == IPPROTO_ICMP)
		return translate_related(p, 1, d->virtual_address, d->virtual_port);
	return translate(p, is_unfinished(ctx, p), 1, d->virtual_address, d->virtual_port);
}

/* As the destination's connection: a verdict or TO_TELL; NO_FLOW if it is not, -1: look again. */
__noinline int reply_once(struct xdp_md *ctx, __u32 destination)
{
	struct destination *d = find_destination(destination);
	__u32 cpu = bpf_get_smp_processor_id(), now = now_in_ticks();
	struct counters *c = counters_of(cpu, destination);
	struct neighbourhood n;
	struct packet p;
	struct quote q;
	__u64 control = 0;

	if (!d || !c || !parse_frame(ctx, &p) || !is_for_us(ctx, &p))
		return XDP_PASS;

	int kind = parse_packet(&p);

	if (kind == OF_A_FLOW)
		be_reply(&p, d, p.ip->daddr, p.transport >> 16, p.protocol);
	else if (kind == OF_ICMP && find_quote(&p, &q))
		be_reply(&p, d, q.ip->saddr, q.ports[0], q.ip->protocol);
	else
		return XDP_PASS;
	if (!find_neighbourhood(&p, &n))
		return NO_FLOW;

	struct flow *f = find_flow(&n, &p, now, &control);

	/* Without one the packet may still be of a flow that there was no room for. */
	if (f ? destination_of(control) != destination ||
			forwarding_of(control) != FORWARD_MASQUERADED
	      : !overflows(&n, now) || d->forwarding != FORWARD_MASQUERADED)
		return NO_FLOW;

	if (p.ip->ttl <= 1)
		return expire();
	if (kind == OF_A_FLOW && p.verify_checksum && p.flags & TCP_SYN &&
	    checksum_is_missing(ctx, &p)) {
		count_event(EVENT_CHECKSUM_OFFLOADED);
		return XDP_DROP;
	}
	if (!f)
		count_event(EVENT_HASHED);
	else if (kind == OF_A_FLOW && !advance(f, control, &p, 1, now))
		return -1;

	int interface = aim(ctx, d->virtual_address);

	if (interface <= 0)
		return -interface;
	c->packets_out++;
	c->bytes_out += p.length;
	if (p.fragment == FIRST_FRAGMENT)
		note_fragment(&p, destination, FORWARD_MASQUERADED, 1, now);
	return translate_back(ctx, &p, d) ? leave_by(ctx, interface) : XDP_DROP;
}

/* A later fragment of a reply. */
__noinline int later_reply(struct xdp_md *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id();
	const struct fragment *first;
	struct destination *d;
	struct counters *c;
	struct packet p;

	if (!parse_frame(ctx, &p) || !is_for_us(ctx, &p) || parse_packet(&p) != OF_A_FRAGMENT)
		return XDP_PASS;
	first = find_first(&p, 1, now_in_ticks());
	if (!first)
		return XDP_PASS;
	d = find_destination(first->destination);
	c = counters_of(cpu, first->destination);
	if (!d || !c)
		return XDP_DROP;

	if (p.ip->ttl <= 1)
		return expire();

	int interface = aim(ctx, d->virtual_address);

	if (interface <= 0)
		return -interface;
	c->packets_out++;
	c->bytes_out += p.length;
	return translate_back(ctx, &p, d) ? leave_by(ctx, interface) : XDP_DROP;
}

struct siblings {
	struct xdp_md *ctx;
	__u32 next;		/* 1 + destination */
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
	if (s->verdict != NO_FLOW)
		return 1;
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

/* Tells the server, from the director's address, unless the packet is an error or a later
 * fragment itself (RFC 1122, 3.2.2). */
static __always_inline int tell(struct xdp_md *ctx, int kind, __u32 mtu, __u32 destination)
{
	struct destination *d = find_destination(destination);

	if (!d || kind != OF_A_FLOW)
		return XDP_DROP;
	if (!mtu)
		return send_icmp(ctx, ICMP_TIME_EXCEEDED, 0, 0, d->source);
	return send_icmp(ctx, ICMP_DESTINATION_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED, mtu,
			 d->source);
}

/* A packet that may be a server's, or an error about one to it, and is not for an address that
 * is held. Not static, so that it is verified once. */
__noinline int reply(struct xdp_md *ctx)
{
	struct siblings s = {.ctx = ctx, .verdict = NO_FLOW};
	struct packet p;
	struct quote q;

	if (!parse_frame(ctx, &p) || !is_for_us(ctx, &p))
		return XDP_PASS;

	int kind = parse_packet(&p);

	if (kind == OF_A_FLOW)
		s.next = find_server(p.ip->saddr, p.transport, p.protocol);
	else if (kind == OF_ICMP && find_quote(&p, &q))
		s.next = find_server(q.ip->daddr, q.ports[1], q.ip->protocol);
	if (s.next)
		bpf_loop(SIBLINGS, try_sibling, &s, 0);
	else if (kind == OF_A_FRAGMENT)
		s.verdict = later_reply(ctx);
	if (s.verdict >= TO_TELL)
		return tell(ctx, kind, s.verdict & 0xffff, s.next - 1);
	if (s.verdict == -1) {
		count_event(EVENT_CONTENTION);
		return XDP_DROP;
	}
	return s.verdict < 0 ? XDP_PASS : s.verdict;
}
