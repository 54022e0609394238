/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Masquerading (ipvs-semantics 4.3): another address and port in place of the packet's own, for
 * its target on the way in, for its source on the way out. Checksums are adjusted by what
 * changed (RFC 1624), so that a wrong one stays as wrong. */
#pragma once
#include "checksum.h"
#include "crc32c.h"

static __always_inline __u64 change32(__u32 from, __u32 to) { return (__u64)(__u32)~from + to; }
static __always_inline __u64 change16(__u16 from, __u16 to) { return (__u64)(__u16)~from + to; }

static __always_inline __u16 adjusted(__u16 checksum, __u64 change)
{
	return ~fold((__u16)~checksum + change);
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
static __always_inline int translate(const struct packet *p, int missing, int out, __u32 address,
				     __u16 port)
{
	__u64 change = change32(out ? p->ip->saddr : p->ip->daddr, address);

	if (p->protocol == IPPROTO_SCTP && p->fragment != LATER_FRAGMENT) {
		__u16 *ports = p->transport_header, *at = out ? ports : ports + 1;
		__u32 *checksum = (void *)ports + 8, before = *(__u32 *)ports;

		/* Of a fragment, the length of the whole is not known. */
		if (p->fragment || (void *)(checksum + 1) > p->end)
			return 0;
		if (port)
			*at = port;
		*checksum ^= crc32c_change(before ^ *(__u32 *)ports,
					   p->length - p->ip->ihl * 4);
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
	p->ip->check = adjusted(p->ip->check, change);
	if (out)
		p->ip->saddr = address;
	else
		p->ip->daddr = address;
	return 1;
}
