/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* ICMP errors that belong to a connection (ipvs-semantics 4.7): they quote a packet of it. */
#pragma once
#include "errors.h"
#include "nat.h"
#include "services.h"

#define ICMP_SOURCE_QUENCH 4
#define QUOTED_BYTES 8		/* of the transport header, at least (RFC 792) */

struct quote {
	struct icmp_error *icmp;	/* what is used of it, ICMPv6 has, too */
	union {
		struct iphdr *ip;
		struct ip6 *ip6;
	};
	__u16 *ports;
	__u8 protocol;
};

static __always_inline int is_error(__u8 type)
{
	return type == ICMP_DESTINATION_UNREACHABLE || type == ICMP_SOURCE_QUENCH ||
	       type == ICMP_TIME_EXCEEDED;
}

static __always_inline int is_error6(__u8 type)
{
	return type >= ICMP6_DESTINATION_UNREACHABLE && type <= ICMP6_PARAMETER_PROBLEM;
}

static __always_inline int has_ports(const struct packet *p, const struct quote *q)
{
	return (void *)q->ports + QUOTED_BYTES <= p->end &&
	       (q->protocol == IPPROTO_TCP || q->protocol == IPPROTO_UDP ||
		q->protocol == IPPROTO_SCTP);
}

static __always_inline int find_quote4(const struct packet *p, struct quote *q)
{
	if ((void *)(q->ip + 1) > p->end || !is_error(q->icmp->type))
		return 0;

	__u32 header = q->ip->ihl * 4;

	q->ports = (void *)q->ip + header;
	q->protocol = q->ip->protocol;
	return q->ip->version == 4 && header >= sizeof(struct iphdr) &&
	       !(q->ip->frag_off & bpf_htons(IP_OFFSET_MASK)) && has_ports(p, q);
}

static __always_inline int find_quote6(struct xdp_md *ctx, const struct packet *p,
				       struct quote *q)
{
	__u32 header = sizeof(struct ip6);

	if ((void *)(q->ip6 + 1) > p->end || !is_error6(q->icmp->type) ||
	    (q->ip6->traffic & 0xf0) != 0x60)
		return 0;
	q->protocol = q->ip6->next;
	if (may_be_extended(q->protocol)) {
		__u64 found = find_transport(ctx, sizeof(struct ethhdr) + p->header +
							  sizeof(struct icmp6_error));

		if (!found || transport_part(found) == LATER_FRAGMENT)
			return 0;
		header = transport_offset(found);
		q->protocol = transport_protocol(found);
	}
	q->ports = (void *)q->ip6 + header;
	return has_ports(p, q);
}

/* False when it is no error, or does not quote what a connection is known by. */
static __always_inline int find_quote(struct xdp_md *ctx, const struct packet *p, struct quote *q)
{
	q->icmp = p->transport_header;
	q->ip = (void *)(q->icmp + 1);
	return p->version == IPV6 ? find_quote6(ctx, p, q) : find_quote4(p, q);
}

static __always_inline const void *quoted_source(const struct packet *p, const struct quote *q)
{
	return p->version == IPV6 ? (const void *)&q->ip6->source : &q->ip->saddr;
}

static __always_inline const void *quoted_target(const struct packet *p, const struct quote *q)
{
	return p->version == IPV6 ? (const void *)&q->ip6->target : &q->ip->daddr;
}

/* What the connection is known by that a packet to the client, the quoted one, is of. */
static __always_inline void be_quoted(struct packet *p, const struct quote *q)
{
	p->transport = (__u64)q->protocol << 32 | (__u32)q->ports[0] << 16 | q->ports[1];
	if (p->version == IPV6) {
		p->client = &q->ip6->target;
		p->virtual_address = &q->ip6->source;
		p->addresses = number_after(number_of(p->virtual_address), p->client);
	} else {
		p->addresses = (__u64)q->ip->saddr << 32 | q->ip->daddr;
	}
}

/* Another address and port in place of ours (`out`) or the server's, in the packet and in what
 * it quotes, where they are the other end. A header's own checksum keeps its sum the same, so
 * that of ICMP only follows the port; ICMPv6's covers both addresses. The quoted packet's own
 * checksum stays, as with IPVS. */
static __always_inline int translate_related(struct xdp_md *ctx, const struct packet *p, int out,
					     const union address *address, __u16 port)
{
	__u64 change = change_address(p, out, address);
	struct quote q;

	if (!find_quote(ctx, p, &q))
		return 0;

	__u16 *at = out ? q.ports + 1 : q.ports, old_port = *at;
	struct packet quoted = {.ip = q.ip, .version = p->version};
	__u64 quoted_change = change_address(&quoted, !out, address);

	if (!port)
		port = old_port;
	*at = port;
	put_address(p, out, address, change);
	put_address(&quoted, !out, address, quoted_change);
	if (p->version != IPV6)
		change = quoted_change = 0;
	q.icmp->checksum = adjusted(q.icmp->checksum,
				    change16(old_port, port) + change + quoted_change);
	return 1;
}

/* An error about what went to a client, on its way to the server. */
__noinline int related(struct xdp_md *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct neighbourhood n;
	struct packet p;
	struct quote q;
	__u64 control;

	if (!parse_frame(ctx, &p) || !is_for_us(ctx, &p) || parse_packet(ctx, &p) != OF_ICMP ||
	    !find_quote(ctx, &p, &q))
		return XDP_PASS;
	be_quoted(&p, &q);
	if (!find_neighbourhood(&p.key, &n) || !find_flow(&n, &p.key, now_in_ticks(), &control))
		return XDP_PASS;

	struct destination *d = find_destination(destination_of(control));
	struct counters *c = counters_of(cpu, destination_of(control));

	if (!d || !c)
		return XDP_DROP;
	/* Sent on even to a removed server, but not counted. */
	if (d->flags & DESTINATION_CONFIGURED) {
		c->packets++;
		c->bytes += p.length;
	}
	return to_forward(destination_of(control), forwarding_of(control));
}
