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

/* Asks the kernel for the way of what comes from the virtual address: 0, or what becomes of the
 * packet without one, a verdict or TO_TELL. */
static __always_inline int find_way(struct xdp_md *ctx, const struct packet *p, struct way *way)
{
	struct bpf_fib_lookup route = {
		.family = AF_INET,
		.tos = p->ip->tos,
		.l4_protocol = p->ip->protocol,
		.tot_len = is_merged(p) ? 0 : p->length,
		.ipv4_src = way->source,
		.ipv4_dst = way->client,
		.ifindex = way->ingress,
	};

	switch (bpf_fib_lookup(ctx, &route, sizeof(route), 0)) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		way->interface = route.ifindex;
		way->mtu = route.mtu_result;
		__builtin_memcpy(way->mac, route.dmac, ETH_ALEN);
		__builtin_memcpy(way->source_mac, route.smac, ETH_ALEN);
		return 0;
	case BPF_FIB_LKUP_RET_FRAG_NEEDED:
		count_event(EVENT_TOO_BIG);
		return TO_TELL | route.mtu_result;
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		count_event(EVENT_UNRESOLVED);
		live.unresolved_hop = (__u64)route.ifindex << 32 | route.ipv4_dst;
		return XDP_DROP;
	default:
		return XDP_PASS;	/* the kernel tells the server, if anybody */
	}
}

/* Addresses the frame to the next hop towards the client: the number of its interface, or minus
 * what find_way() said. The answer holds for the rest of the tick, a sixteenth of a second. */
__noinline int aim(struct xdp_md *ctx, __u32 source)
{
	struct packet p;

	if (!parse_frame(ctx, &p))
		return -XDP_DROP;
	p.mtu = ingress(ctx)->mtu;
	p.length = bpf_ntohs(p.ip->tot_len);

	__u32 client = p.ip->daddr, now = now_in_ticks();
	__u32 place = client * 0x9E3779B1u >> 20 & (WAYS - 1);
	struct way *way = bpf_map_lookup_elem(&ways, &place);

	if (!way)
		return -XDP_DROP;
	if (way->client != client || way->source != source || way->tick != now ||
	    way->ingress != ctx->ingress_ifindex || p.length > way->mtu) {
		way->client = client;
		way->source = source;
		way->tick = now;
		way->ingress = ctx->ingress_ifindex;

		int fate = find_way(ctx, &p, way);

		if (fate) {
			way->client = 0;
			return -fate;
		}
	}
	if (is_stuck(ctx, &p, way->interface))
		return -XDP_DROP;
	__builtin_memcpy(p.eth->h_dest, way->mac, ETH_ALEN);
	__builtin_memcpy(p.eth->h_source, way->source_mac, ETH_ALEN);
	return way->interface;
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

/* What the destination's connection with this client is known by. With a service of all ports
 * the server's is that which the client asked for. */
static __always_inline void be_reply(struct packet *p, const struct destination *d, __u32 client,
				     __u16 port, __u16 server_port, __u8 protocol)
{
	__u16 virtual_port = d->virtual_port ? d->virtual_port : server_port;

	p->addresses = (__u64)d->virtual_address << 32 | client;
	p->transport = (__u64)protocol << 32 | (__u32)virtual_port << 16 | port;
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

/* A removed server's replies are sent on, but not counted. */
static __always_inline void count_reply(const struct destination *d, struct counters *c,
					const struct packet *p)
{
	if (!(d->flags & DESTINATION_CONFIGURED))
		return;
	c->packets_out++;
	c->bytes_out += p->length;
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
		be_reply(&p, d, p.ip->daddr, p.transport >> 16, p.transport, p.protocol);
	else if (kind == OF_ICMP && find_quote(&p, &q))
		be_reply(&p, d, q.ip->saddr, q.ports[0], q.ports[1], q.ip->protocol);
	else
		return XDP_PASS;
	if (!find_neighbourhood(&p.key, &n))
		return NO_FLOW;

	struct flow *f = find_flow(&n, &p.key, now, &control);

	/* Without one the packet may still be of a flow that there was no room for. */
	if (f ? destination_of(control) != destination ||
			forwarding_of(control) != FORWARD_MASQUERADED
	      : !overflows(&n, now) || d->forwarding != FORWARD_MASQUERADED)
		return NO_FLOW;

	if (p.ip->ttl <= 1)
		return expire();
	if (kind == OF_A_FLOW && p.verify_checksum && checksum_is_missing(ctx, &p)) {
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
	count_reply(d, c, &p);
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
	count_reply(d, c, &p);
	return translate_back(ctx, &p, d) ? leave_by(ctx, interface) : XDP_DROP;
}

/* reply_once() until no other CPU is in the way. */
static __always_inline int try_reply(struct xdp_md *ctx, __u32 destination)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		int verdict = reply_once(ctx, destination);

		if (verdict != -1)
			return verdict;
	}
	count_event(EVENT_CONTENTION);
	return XDP_DROP;
}

struct siblings {
	struct xdp_md *ctx;
	__u32 destination;
	int verdict;
};

/* The next destination that is the same server; 1: there is none, or it had the connection. */
static long try_sibling(__u32 i, struct siblings *s)
{
	struct destination *d = find_destination(s->destination);

	if (!d || !d->sibling)
		return 1;
	s->destination = d->sibling - 1;
	s->verdict = try_reply(s->ctx, s->destination);
	return s->verdict != NO_FLOW;
}

/* The first destination that is this server. */
static __always_inline __u32 *find_server(__u32 address, __u16 port, __u8 protocol)
{
	struct service_key key = {.address = address, .port = port, .protocol = protocol};

	return bpf_map_lookup_elem(&masqueraded, &key);
}

/* As a reply of this server, whichever of its destinations has the connection. */
static __always_inline void find_reply(struct siblings *s, __u32 server, __u16 port, __u8 protocol)
{
	__u32 *first = find_server(server, port, protocol);

	if (!first)
		return;
	s->destination = *first;
	s->verdict = try_reply(s->ctx, s->destination);
	if (s->verdict == NO_FLOW)
		bpf_loop(SIBLINGS, try_sibling, s, 0);
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
	__u32 server = 0, client = 0;
	__u16 port = 0;
	__u8 protocol = 0;

	if (!parse_frame(ctx, &p) || !is_for_us(ctx, &p))
		return XDP_PASS;

	int kind = parse_packet(&p);

	if (kind == OF_A_FLOW) {
		server = p.ip->saddr;
		client = p.ip->daddr;
		port = p.transport;
		protocol = p.protocol;
	} else if (kind == OF_ICMP && find_quote(&p, &q)) {
		server = q.ip->daddr;
		port = q.ports[1];
		protocol = q.ip->protocol;
	} else if (kind == OF_A_FRAGMENT) {
		s.verdict = later_reply(ctx);
	}
	if (protocol) {
		find_reply(&s, server, port, protocol);
		if (s.verdict == NO_FLOW && live.wildcards)
			find_reply(&s, server, 0, protocol);
		if (client && protocol == IPPROTO_UDP && s.verdict != NO_FLOW && live.persistent)
			assure(s.destination, client);
	}
	if (s.verdict >= TO_TELL)
		return tell(ctx, kind, s.verdict & 0xffff, s.destination);
	return s.verdict == NO_FLOW ? XDP_PASS : s.verdict;
}
