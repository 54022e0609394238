/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What both versions of IP have in their headers, each in its own place. */
#pragma once
#include "parse.h"

static __always_inline __u8 ttl_of(const struct packet *p)
{
	return p->version == IPV6 ? p->ip6->hop_limit : p->ip->ttl;
}

static __always_inline void decrement_ttl(const struct packet *p)
{
	if (p->version == IPV6) {
		p->ip6->hop_limit--;
		return;
	}

	__u32 sum = (__u32)p->ip->check + bpf_htons(0x0100);

	p->ip->check = sum + (sum >= 0xffff);	/* RFC 1141 */
	p->ip->ttl--;
}

static __always_inline __u8 tos_of(const struct packet *p)
{
	return p->version == IPV6 ? bpf_ntohl(p->ip6->traffic) >> 20 : p->ip->tos;
}

/* Must no router fragment it? */
static __always_inline int is_in_one_piece(const struct packet *p)
{
	return p->version == IPV6 || p->ip->frag_off & bpf_htons(IP_DONT_FRAGMENT);
}

/* Where in the packet its source and target are. */
static __always_inline const void *source_of(const struct packet *p)
{
	return p->version == IPV6 ? (const void *)&p->ip6->source : &p->ip->saddr;
}

static __always_inline const void *target_of(const struct packet *p)
{
	return p->version == IPV6 ? (const void *)&p->ip6->target : &p->ip->daddr;
}
