/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What is known of a packet when handle() leaves the rest to balance(), which so need not parse it
 * again. */
#pragma once
#include "parse.h"

struct arrival {
	__u64 addresses;	/* as in struct key */
	__u64 transport;
	__u32 service;		/* what find_service() said */
	__u16 flags;
	__u16 known;		/* 0: its flow was looked for just now, and has no entry */
};

static __always_inline void note(struct arrival *a, const struct packet *p, __u32 service,
				 int known)
{
	a->addresses = p->addresses;
	a->transport = p->transport;
	a->service = service;
	a->flags = p->flags;
	a->known = known;
}

/* The packet again, but for what is behind its IP header; extension headers of IPv6 are taken for a
 * fragment's. False only to satisfy the verifier. */
static __always_inline int recall(struct xdp_md *ctx, const struct arrival *a, struct packet *p,
				  __u64 version)
{
	if (!parse_version(ctx, p, version))
		return 0;
	p->addresses = a->addresses;
	p->transport = a->transport;
	p->protocol = a->transport >> 32;
	p->flags = a->flags;
	if (version == IPV6) {
		p->client = &p->ip6->source;
		p->virtual_address = &p->ip6->target;
		p->length = sizeof(struct ip6) + bounded(bpf_ntohs(p->ip6->payload), 0xffff);
		p->fragment = may_be_extended(p->ip6->next) ? FIRST_FRAGMENT : WHOLE;
	} else {
		p->client = p->virtual_address = 0;
		p->length = bounded(bpf_ntohs(p->ip->tot_len), 0xffff);
		p->fragment = p->ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS) ? FIRST_FRAGMENT : WHOLE;
	}
	return 1;
}
