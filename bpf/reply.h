/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* From masqueraded servers back to clients. No entry of its own leads from a reply to its
 * connection: server, port and protocol give the destination, and so what the client sees of it;
 * with the client's address that is the key of the connection. A server that several services
 * masquerade to has a destination in each; the one that has the connection is it. */
#pragma once
#include "states.h"
#include "ways.h"

#define SIBLINGS 4096		/* at most looked at */
#define NO_FLOW -2

/* Beside a verdict: the connection was answered, or is established: its client is a real one. */
#define TO_ASSURE (1 << 29)

static __always_inline int expire(void)
{
	count_event(EVENT_TTL_EXCEEDED);
	return TO_TELL;
}

/* What the destination's connection with this client, whose address is somewhere in the packet, is
 * known by. With a service of all ports the server's is that which the client asked for. */
static __always_inline void be_reply(struct packet *p, const struct destination *d,
				     const void *client, __u16 port, __u16 server_port,
				     __u8 protocol)
{
	__u16 virtual_port = d->virtual_port ? d->virtual_port : server_port;

	if (p->version == IPV6) {
		p->client = client;
		p->virtual_address = &d->virtual_address;
		p->addresses = number_after(number_of(p->virtual_address), p->client);
	} else {
		p->addresses = (__u64)d->virtual_address.ipv4 << 32 | *(__u32 *)client;
	}
	p->transport = (__u64)protocol << 32 | (__u32)virtual_port << 16 | port;
}

/* The server's address or port, of a packet to or about the client, becomes the virtual one. */
static __always_inline int translate_back(struct xdp_md *ctx, const struct packet *p,
					  const struct destination *d)
{
	decrement_ttl(p);
	if (p->protocol == (p->version == IPV6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return translate_related(ctx, p, 1, &d->virtual_address, d->virtual_port);
	return translate(p, is_unfinished(ctx, p), 1, &d->virtual_address, d->virtual_port);
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

static __always_inline int reply_as(struct xdp_md *ctx, __u32 destination, __u64 version)
{
	struct destination *d = find_destination(destination);
	__u32 cpu = bpf_get_smp_processor_id(), now = now_in_ticks();
	struct counters *c = counters_of(cpu, destination);
	struct neighbourhood n;
	struct packet p;
	struct quote q;
	__u64 control = 0;
	int state = 0;

	if (!d || !c || !parse_version(ctx, &p, version) || !is_for_us(ctx, &p))
		return XDP_PASS;

	int kind = parse_packet(ctx, &p);

	if (kind == OF_A_FLOW)
		be_reply(&p, d, target_of(&p), p.transport >> 16, p.transport, p.protocol);
	else if (kind == OF_ICMP && find_quote(ctx, &p, &q))
		be_reply(&p, d, quoted_source(&p, &q), q.ports[0], q.ports[1], q.protocol);
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

	if (ttl_of(&p) <= 1)
		return expire();
	if (kind == OF_A_FLOW && p.verify_checksum && checksum_is_missing(ctx, &p)) {
		count_event(EVENT_CHECKSUM_OFFLOADED);
		return XDP_DROP;
	}
	if (!f)
		count_event(EVENT_HASHED);
	else if (kind == OF_A_FLOW)
		state = advance_back(f, control, &p, now);
	if (state < 0)
		return -1;

	int interface = aim(ctx, destination);

	if (interface <= 0)
		return -interface;
	count_reply(d, c, &p);
	if (p.fragment == FIRST_FRAGMENT)
		note_fragment(&p, destination, FORWARD_MASQUERADED, 1, now);
	if (!translate_back(ctx, &p, d))
		return XDP_DROP;
	return leave_by(ctx, interface) |
	       (is_established(state) || state == STATE_UDP ? TO_ASSURE : 0);
}

/* As the destination's connection: a verdict or TO_TELL; NO_FLOW if it is not, -1: look again. */
__noinline int reply_once(struct xdp_md *ctx, __u32 destination)
{
	return reply_as(ctx, destination, IPV4);
}

__noinline int reply_once6(struct xdp_md *ctx, __u32 destination)
{
	return reply_as(ctx, destination, IPV6);
}

/* A later fragment of a reply. */
__noinline int later_reply(struct xdp_md *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id();
	const struct fragment *first;
	struct destination *d;
	struct counters *c;
	struct packet p;

	if (!parse_frame(ctx, &p) || !is_for_us(ctx, &p) || parse_packet(ctx, &p) != OF_A_FRAGMENT)
		return XDP_PASS;
	first = find_first(&p, 1, now_in_ticks());
	if (!first)
		return XDP_PASS;
	d = find_destination(first->destination);
	c = counters_of(cpu, first->destination);
	if (!d || !c)
		return XDP_DROP;

	if (ttl_of(&p) <= 1)
		return expire();

	int interface = aim(ctx, first->destination);

	if (interface <= 0)
		return -interface;
	count_reply(d, c, &p);
	return translate_back(ctx, &p, d) ? leave_by(ctx, interface) : XDP_DROP;
}

/* reply_once() until no other CPU is in the way. */
static __always_inline int try_reply(struct xdp_md *ctx, __u32 destination, int version)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		int verdict = version == IPV6 ? reply_once6(ctx, destination)
					      : reply_once(ctx, destination);

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
	int version;
};

/* The next destination that is the same server; 1: there is none, or it had the connection. */
static long try_sibling(__u32 i, struct siblings *s)
{
	struct destination *d = find_destination(s->destination);

	if (!d || !d->sibling)
		return 1;
	s->destination = d->sibling - 1;
	s->verdict = try_reply(s->ctx, s->destination, s->version);
	return s->verdict != NO_FLOW;
}

/* The first destination that is this server, whose address is somewhere in the packet. */
static __always_inline __u32 *find_server(__u64 version, const void *address, __u16 port,
					  __u8 protocol)
{
	if (version == IPV6) {
		struct service_key6 key = {.port = port, .protocol = protocol};

		__builtin_memcpy(key.address, address, sizeof(key.address));
		return bpf_map_lookup_elem(&masqueraded6, &key);
	}

	struct service_key key = {
		.address = *(__u32 *)address,
		.port = port,
		.protocol = protocol,
	};

	return bpf_map_lookup_elem(&masqueraded, &key);
}

/* The first destinations, each plus 1, that a packet may be a reply of, or an error about what went
 * there: of its own port, and in the upper half of all ports. Not part of reply(), so that its frame
 * is off the stack when the reply goes on. */
__noinline __u64 servers_of(struct xdp_md *ctx)
{
	const void *server;
	struct packet p;
	struct quote q;
	__u16 port;
	__u8 protocol;
	__u32 *first, *of_all_ports = 0;

	if (!parse_frame(ctx, &p))
		return 0;

	int kind = parse_packet(ctx, &p);

	if (kind == OF_A_FLOW) {
		server = source_of(&p);
		port = p.transport;
		protocol = p.protocol;
	} else if (kind == OF_ICMP && find_quote(ctx, &p, &q)) {
		server = quoted_target(&p, &q);
		port = q.ports[1];
		protocol = q.protocol;
	} else {
		return 0;
	}
	first = find_server(p.version, server, port, protocol);
	if (live.wildcards)
		of_all_ports = find_server(p.version, server, 0, protocol);
	return (first ? *first + 1ull : 0) | (of_all_ports ? *of_all_ports + 1ull : 0) << 32;
}

/* As a reply of this server, whichever of its destinations has the connection. */
static __always_inline void find_reply(struct siblings *s, __u32 first)
{
	if (!first || s->verdict != NO_FLOW)
		return;
	s->destination = first - 1;
	s->verdict = try_reply(s->ctx, s->destination, s->version);
	if (s->verdict == NO_FLOW)
		bpf_loop(SIBLINGS, try_sibling, s, 0);
}

/* Tells the server, from the director's address, unless the packet is an error or a later
 * fragment itself (RFC 1122, 3.2.2). */
__noinline int tell(struct xdp_md *ctx, __u32 mtu, __u32 destination)
{
	struct packet p;

	if (!parse_frame(ctx, &p) || parse_packet(ctx, &p) != OF_A_FLOW)
		return XDP_DROP;
	return mtu ? tell_too_big(ctx, p.version, mtu, destination)
		   : tell_expired(ctx, p.version, destination);
}

/* A packet that may be a server's, or an error about one to it, and is not for an address that
 * is held. Not static, so that it is verified once. */
__noinline int reply(struct xdp_md *ctx)
{
	struct siblings s = {.ctx = ctx, .verdict = NO_FLOW};
	union address client;
	struct packet p;
	__u64 servers;

	if (!parse_frame(ctx, &p) || !is_for_us(ctx, &p))
		return XDP_PASS;
	s.version = p.version;
	client = p.version == IPV6 ? p.ip6->target : ipv4_address(p.ip->daddr);
	servers = servers_of(ctx);
	if (!servers) {
		int verdict = later_reply(ctx);

		return verdict >= TO_TELL ? XDP_DROP : verdict;
	}
	find_reply(&s, servers);
	find_reply(&s, servers >> 32);
	if (s.verdict == NO_FLOW)
		return XDP_PASS;
	if (s.verdict >= TO_TELL)
		return tell(ctx, s.verdict & 0xffff, s.destination);
	if (s.verdict & TO_ASSURE && live.persistent)
		assure(s.destination, client.half[0], client.half[1]);
	return s.verdict & ~TO_ASSURE;
}
