/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Masquerading (ipvs-semantics 4.3): another address and port in place of the packet's own, for
 * its target on the way in, for its source on the way out. Checksums are adjusted by what
 * changed (RFC 1624), so that a wrong one stays as wrong. */
#pragma once
#include "checksum.h"
#include "crc32c.h"

static __always_inline __u64 change32(__u32 from, __u32 to) { return (__u64)(__u32)~from + to; }
static __always_inline __u64 change16(__u16 from, __u16 to) { return (__u64)(__u16)~from + to; }

/* Of the packet's source (`out`) or target address. */
static __always_inline __u64 change_address(const struct packet *p, int out,
					    const union address *to)
{
	if (p->version == IPV6) {
		const union address *from = out ? &p->ip6->source : &p->ip6->target;

		return change32(from->word[0], to->word[0]) + change32(from->word[1], to->word[1]) +
		       change32(from->word[2], to->word[2]) + change32(from->word[3], to->word[3]);
	}
	return change32(out ? p->ip->saddr : p->ip->daddr, to->ipv4);
}

static __always_inline __u16 adjusted(__u16 checksum, __u64 change)
{
	return ~fold((__u16)~checksum + change);
}

/* Puts it in place of the packet's; `change` is change_address(). */
static __always_inline void put_address(const struct packet *p, int out,
					const union address *address, __u64 change)
{
	if (p->version == IPV6) {
		*(out ? &p->ip6->source : &p->ip6->target) = *address;
		return;
	}
	p->ip->check = adjusted(p->ip->check, change);
	*(out ? &p->ip->saddr : &p->ip->daddr) = address->ipv4;
}

/* TCP's or UDP's checksum after a change of the pseudo header and of the packet itself. */
static __always_inline void adjust_transport(const struct packet *p, __u16 *checksum, int missing,
					     __u64 pseudo, __u64 own)
{
	if (p->protocol == IPPROTO_UDP && !*checksum)
		return;
	/* Left to hardware: so far it is the pseudo header's sum, not its complement. */
	if (missing) {
		*checksum = fold(*checksum + pseudo);
		return;
	}
	*checksum = adjusted(*checksum, pseudo + own);
	if (p->protocol == IPPROTO_UDP && !*checksum)
		*checksum = 0xffff;
}

/* Was the checksum left to hardware, by an interface where that may be? */
static __always_inline int is_unfinished(struct xdp_md *ctx, const struct packet *p)
{
	return ingress(ctx)->partial_checksums && p->fragment == WHOLE &&
	       checksum_is_missing(ctx, p);
}

/* False when the packet cannot be translated. Later fragments have no ports. `missing`: the
 * checksum was left to hardware. Port 0: it keeps its own, as with a service of all ports. */
static __always_inline int translate(const struct packet *p, int missing, int out,
				     const union address *address, __u16 port)
{
	__u64 change = change_address(p, out, address);

	if (p->protocol == IPPROTO_SCTP && p->fragment != LATER_FRAGMENT) {
		__u16 *ports = p->transport_header, *at = out ? ports : ports + 1;
		__u32 *checksum = (void *)ports + 8, before = *(__u32 *)ports;

		/* Of a fragment, the length of the whole is not known. */
		if (p->fragment || (void *)(checksum + 1) > p->end)
			return 0;
		if (port)
			*at = port;
		*checksum ^= crc32c_change(before ^ *(__u32 *)ports, p->length - p->header);
	} else if (p->fragment != LATER_FRAGMENT) {
		__u16 *ports = p->transport_header, *at = out ? ports : ports + 1;
		__u16 *checksum = (void *)ports + (p->protocol == IPPROTO_TCP ? 16 : 6);

		if ((void *)(checksum + 1) > p->end)
			return 0;
		if (!port)
			port = *at;
		adjust_transport(p, checksum, missing, change, change16(*at, port));
		*at = port;
	}
	put_address(p, out, address, change);
	return 1;
}
