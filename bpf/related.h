/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* ICMP errors that belong to a connection (ipvs-semantics 4.7): they quote a packet of it. */
#pragma once
#include "flows.h"
#include "icmp.h"
#include "nat.h"
#include "services.h"

#define ICMP_SOURCE_QUENCH 4
#define QUOTED_BYTES 8		/* of the transport header, at least (RFC 792) */

struct quote {
	struct icmp_error *icmp;
	struct iphdr *ip;
	__u16 *ports;
};

static __always_inline int is_error(__u8 type)
{
	return type == ICMP_DESTINATION_UNREACHABLE || type == ICMP_SOURCE_QUENCH ||
	       type == ICMP_TIME_EXCEEDED;
}

/* False when it is no error, or does not quote what a connection is known by. */
static __always_inline int find_quote(const struct packet *p, struct quote *q)
{
	q->icmp = p->transport_header;
	q->ip = (void *)(q->icmp + 1);
	if ((void *)(q->ip + 1) > p->end)
		return 0;
	if (!is_error(q->icmp->type))
		return 0;

	__u32 header = q->ip->ihl * 4;

	q->ports = (void *)q->ip + header;
	return q->ip->version == 4 && header >= sizeof(struct iphdr) &&
	       (void *)q->ports + QUOTED_BYTES <= p->end &&
	       !(q->ip->frag_off & bpf_htons(IP_OFFSET_MASK)) &&
	       (q->ip->protocol == IPPROTO_TCP || q->ip->protocol == IPPROTO_UDP ||
		q->ip->protocol == IPPROTO_SCTP);
}

/* Another address and port in place of ours (`out`) or the server's, in the packet and in what
 * it quotes, where they are the other end. A header's own checksum keeps its sum the same, so
 * that of ICMP only follows the port; the quoted packet's own checksum stays, as with IPVS. */
static __always_inline int translate_related(const struct packet *p, int out, __u32 address,
					     __u16 port)
{
	struct quote q;

	if (!find_quote(p, &q))
		return 0;

	__u32 *mine = out ? &p->ip->saddr : &p->ip->daddr;
	__u32 *quoted = out ? &q.ip->daddr : &q.ip->saddr;
	__u16 *at = out ? q.ports + 1 : q.ports;

	if (!port)
		port = *at;
	p->ip->check = adjusted(p->ip->check, change32(*mine, address));
	q.ip->check = adjusted(q.ip->check, change32(*quoted, address));
	q.icmp->checksum = adjusted(q.icmp->checksum, change16(*at, port));
	*mine = *quoted = address;
	*at = port;
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

	if (!parse_frame(ctx, &p) || !is_for_us(ctx, &p) || parse_packet(&p) != OF_ICMP ||
	    !find_quote(&p, &q))
		return XDP_PASS;
	p.addresses = (__u64)q.ip->saddr << 32 | q.ip->daddr;
	p.transport = (__u64)q.ip->protocol << 32 | (__u32)q.ports[0] << 16 | q.ports[1];
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
