/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* From a frame to what the load balancer needs to know of it. */
#pragma once
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "address.h"
#include "extensions.h"

#define TCP_FIN 1
#define TCP_SYN 2
#define TCP_RST 4
#define TCP_ACK 16
#define TCP_EVENT_FLAGS 31	/* all that the state table looks at */
#define SCTP_HEADER 12
#define SCTP_ABORT 6
#define SCTP_COOKIE_ECHO 10
#define SCTP_COOKIE_ACK 11
#define SCTP_NOTHING 5	/* the event of a packet without a chunk */
#define IP_OFFSET_MASK 0x1fff
#define IP_MORE_FRAGMENTS 0x2000
#define IP_DONT_FRAGMENT 0x4000

/* What a connection is known by: as in struct flow, or in struct flow6. */
struct key {
	__u64 addresses;
	__u64 transport;
	const union address *client;		/* these two only with IPv6 */
	const union address *virtual_address;
	__u64 version;				/* of IP */
};

struct ip6 {
	__u32 traffic;		/* version, traffic class, flow label */
	__u16 payload;
	__u8 next;
	__u8 hop_limit;
	union address source;
	union address target;
};

/* Where only frames of one version of IP get to, `version` is a constant: what both have in
 * common is written once, and compiled for each. */
struct packet {
	struct ethhdr *eth;
	union {
		struct iphdr *ip;
		struct ip6 *ip6;
	};
	void *transport_header;
	void *end;
	union {
		struct key key;
		struct {
			__u64 addresses;
			__u64 transport;
			const union address *client;
			const union address *virtual_address;
			__u64 version;
		};
	};
	__u32 length;		/* of the IP packet */
	__u32 header;		/* of that, before the transport header */
	__u32 mtu;		/* of the interface it came in by; longer ones were merged by GRO */
	__u32 fragment_id;
	__u8 protocol;
	__u8 flags;		/* TCP's, or SCTP's event (dataplane/sctp.py), 0 for UDP */
	__u8 fragment;
	__u8 verify_checksum;
};

/* Does this director hold the address now? */
static __always_inline int is_held(__u32 address)
{
	__u32 *row = live.held[address * 0x9E3779B1u >> (32 - HELD_BITS)];

#pragma unroll
	for (int i = 0; i < HELD_SLOTS; i++) {
		if (row[i] == address)
			return 1;
		if (!row[i])
			return 0;
	}
	return 0;
}

/* The same of an IPv6 address, by its number; that two have the same one does not happen, and
 * would do no harm: only services' own addresses are served. */
static __always_inline int is_held6(__u64 number)
{
	__u64 *row = live.held6[number >> (64 - HELD_BITS)];

	number |= 1;
#pragma unroll
	for (int i = 0; i < HELD6_SLOTS; i++) {
		if (row[i] == number)
			return 1;
		if (!row[i])
			return 0;
	}
	return 0;
}

/* May the packet come from a server that is masqueraded? */
static __always_inline int may_be_servers(__u32 address)
{
	__u32 bit = address * 0x9E3779B1u >> 16;

	return live.server_filter[bit >> 5] >> (bit & 31) & 1;
}

static __always_inline struct interface *ingress(struct xdp_md *ctx)
{
	return &live.interfaces[ctx->ingress_ifindex % INTERFACES];
}

/* Out by the interface that the packet came in by. A veth does not tell a peer that polls for
 * GRO alone that XDP_TX has put a frame into its ring; redirection does (Linux 6.18, veth.c:
 * veth_xdp_flush asks for a program on the peer, veth_xdp_xmit for NAPI). */
static __always_inline int send_back(struct xdp_md *ctx)
{
	return ingress(ctx)->never_tx ? bpf_redirect(ctx->ingress_ifindex, 0) : XDP_TX;
}

/* True when the frame holds an IP header of that version. */
static __always_inline int parse_version(struct xdp_md *ctx, struct packet *p, __u64 version)
{
	void *data = (void *)(long)ctx->data;

	p->end = (void *)(long)ctx->data_end;
	p->eth = data;
	p->ip = data + sizeof(struct ethhdr);
	p->version = version;
	if (version == IPV6)
		return (void *)(p->ip6 + 1) <= p->end && p->eth->h_proto == bpf_htons(ETH_P_IPV6);
	return (void *)(p->ip + 1) <= p->end && p->eth->h_proto == bpf_htons(ETH_P_IP);
}

/* The same of either version. */
static __always_inline int parse_frame(struct xdp_md *ctx, struct packet *p)
{
	if (parse_version(ctx, p, IPV4))
		p->version = settled(IPV4);
	else if (parse_version(ctx, p, IPV6))
		p->version = settled(IPV6);
	else
		return 0;
	return 1;
}

/* True when the frame is addressed to this interface: a switch may flood us with frames for
 * others, even those that we sent on. */
static __always_inline int is_for_us(struct xdp_md *ctx, struct packet *p)
{
	struct interface *in = ingress(ctx);
	__u64 mac = *(__u64 *)p->eth & 0xffffffffffffull;

	p->mtu = in->mtu;
	p->verify_checksum = in->verify_checksums;
	return !in->mac || in->mac == mac;
}

enum kind { NOT_OURS, OF_A_FLOW, OF_A_FRAGMENT, OF_ICMP };

/* What an SCTP packet is to the state machine: its first chunk, and an ABORT after a COOKIE. */
static __always_inline __u8 parse_sctp(const struct packet *p, void *chunk)
{
	__u8 *first = chunk;

	if ((void *)(first + 4) > p->end)
		return SCTP_NOTHING;
	if (first[0] == SCTP_COOKIE_ECHO || first[0] == SCTP_COOKIE_ACK) {
		__u32 length = (bpf_ntohs(*(__u16 *)(first + 2)) + 3) & 0x7ffc;
		__u8 *second = first + length;

		if ((void *)(second + 1) <= p->end && second[0] == SCTP_ABORT)
			return sctp_event[SCTP_ABORT];
	}
	return sctp_event[first[0] < SCTP_CHUNKS ? first[0] : 0];
}

/* What is known by its ports alone, once `header`, `length` and `protocol` are. */
static __always_inline int parse_transport(struct packet *p)
{
	if (p->transport_header + sizeof(struct udphdr) > p->end)
		return NOT_OURS;
	if (p->protocol == IPPROTO_TCP) {
		if (p->transport_header + sizeof(struct tcphdr) > p->end ||
		    p->length < p->header + sizeof(struct tcphdr))
			return NOT_OURS;
		p->flags = ((__u8 *)p->transport_header)[13] & TCP_EVENT_FLAGS;
	} else if (p->protocol == IPPROTO_UDP) {
		if (p->length < p->header + sizeof(struct udphdr))
			return NOT_OURS;
		p->flags = 0;
	} else if (p->protocol == IPPROTO_SCTP) {
		if (p->length < p->header + SCTP_HEADER)
			return NOT_OURS;
		p->flags = parse_sctp(p, p->transport_header + SCTP_HEADER);
	} else {
		return p->protocol == (p->version == IPV6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) &&
				       !p->fragment
			       ? OF_ICMP
			       : NOT_OURS;
	}
	p->transport = (__u64)p->protocol << 32 | *(__u32 *)p->transport_header;
	return OF_A_FLOW;
}

static __always_inline int parse_ip4(struct packet *p)
{
	p->header = p->ip->ihl * 4;
	p->transport_header = (void *)p->ip + p->header;
	p->length = bounded(bpf_ntohs(p->ip->tot_len), 0xffff);
	p->protocol = p->ip->protocol;
	p->fragment = WHOLE;
	p->fragment_id = p->ip->id;
	p->client = p->virtual_address = 0;
	if (p->ip->version != 4 || p->header < sizeof(struct iphdr) ||
	    (void *)p->ip + p->length > p->end)
		return NOT_OURS;
	if (p->ip->frag_off & bpf_htons(IP_OFFSET_MASK | IP_MORE_FRAGMENTS)) {
		if (p->ip->frag_off & bpf_htons(IP_OFFSET_MASK)) {
			p->fragment = LATER_FRAGMENT;
			return p->length > p->header ? OF_A_FRAGMENT : NOT_OURS;
		}
		p->fragment = FIRST_FRAGMENT;
	}
	p->addresses = (__u64)p->ip->daddr << 32 | p->ip->saddr;
	return parse_transport(p);
}

static __always_inline int parse_ip6(struct xdp_md *ctx, struct packet *p)
{
	p->length = sizeof(struct ip6) + bounded(bpf_ntohs(p->ip6->payload), 0xffff);
	p->header = sizeof(struct ip6);
	p->transport_header = p->ip6 + 1;
	p->protocol = p->ip6->next;
	p->fragment = WHOLE;
	p->fragment_id = 0;
	if ((p->ip6->traffic & 0xf0) != 0x60 || (void *)p->ip6 + p->length > p->end)
		return NOT_OURS;
	if (may_be_extended(p->protocol)) {
		__u64 found = find_transport(ctx, sizeof(struct ethhdr));

		if (!found)
			return NOT_OURS;
		p->header = transport_offset(found);
		p->protocol = transport_protocol(found);
		p->fragment = transport_part(found);
		p->fragment_id = transport_fragment_id(found);
		p->transport_header = (void *)p->ip6 + p->header;
	}
	p->client = &p->ip6->source;
	p->virtual_address = &p->ip6->target;
	if (p->fragment == LATER_FRAGMENT)
		return p->length > p->header ? OF_A_FRAGMENT : NOT_OURS;
	p->addresses = number_after(number_of(p->virtual_address), p->client);
	return parse_transport(p);
}

/* From the IP header on. Anything malformed or unknown is the kernel's business: NOT_OURS. */
static __always_inline int parse_packet(struct xdp_md *ctx, struct packet *p)
{
	return p->version == IPV6 ? parse_ip6(ctx, p) : parse_ip4(p);
}

/* Is the packet for an address that this director holds? */
static __always_inline int is_to_held(const struct packet *p)
{
	return p->version == IPV6 ? is_held6(number_of(&p->ip6->target)) : is_held(p->ip->daddr);
}

/* True when the frame is a well-formed packet of a connection, addressed to this interface and
 * to a virtual address that is held. */
static __always_inline int parse(struct xdp_md *ctx, struct packet *p, __u64 version)
{
	return parse_version(ctx, p, version) && is_to_held(p) && is_for_us(ctx, p) &&
	       parse_packet(ctx, p) == OF_A_FLOW;
}

/* The client's address in halves, as functions take it that are not inline. */
static __always_inline __u64 client_half(const struct packet *p, int which)
{
	if (p->version == IPV6)
		return p->client->half[which];
	return which ? 0 : (__u32)p->addresses;
}

/* Client and virtual address, as the schedulers hash them. */
static __always_inline __u64 folded_addresses(const struct packet *p)
{
	if (p->version == IPV6)
		return (__u64)fold_address(p->virtual_address) << 32 | fold_address(p->client);
	return p->addresses;
}
