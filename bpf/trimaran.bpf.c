/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* trimaran's XDP program: a packet of a known connection takes the short way through
 * trimaran(), everything else goes through balance(); user space runs sweep() once a second. */
#include "balance.h"
#include "enter.h"
#include "reply.h"
#include "sweep.h"
#include "trace.h"
#include "tunnel_error.h"
#include "vlan.h"

/* What belongs to a connection but does not show its ports. */
static __noinline int follow(struct xdp_md *ctx, int kind)
{
	int verdict = kind == OF_ICMP ? related(ctx) : later_fragment(ctx);

	return is_to_forward(verdict) ? forward(ctx, verdict & 0x3fffff, verdict >> 24 & 3)
				      : verdict;
}

/* Perhaps an ICMP error about what went to a server. */
static __always_inline int error_on_the_way(struct xdp_md *ctx)
{
	int verdict = tunnel_error(ctx);

	return verdict == NO_FLOW ? reply(ctx) : verdict;
}

/* What handle() leaves to be done, beside what is to_forward(): by then its frame is off the
 * stack, of which Linux 6.1 rounds each up to 32 bytes and allows 512 in all. */
#define TO_BALANCE (1 << 28)	/* what it noted of the packet */
#define TO_FOLLOW (1 << 27)	/* and the kind of packet */
#define TO_REPLY (1 << 26)
#define TO_TAKE_FOR_ERROR (1 << 25)

static __always_inline int go_on(struct xdp_md *ctx, int verdict, struct arrival *a, int six)
{
	if (is_to_forward(verdict))
		return forward(ctx, verdict & 0x3fffff, verdict >> 24 & 3);
	if (verdict & TO_BALANCE)
		return balance(ctx, a, six);
	if (verdict & TO_FOLLOW)
		return follow(ctx, verdict & 0xff);
	return verdict & TO_REPLY ? reply(ctx) : error_on_the_way(ctx);
}

/* What is for no address that is held. */
static __always_inline int handle_others(const struct packet *p)
{
	if (p->version == IPV6) {
		if (!live.masqueraded)
			return XDP_PASS;
		return may_be_servers(fold_address(&p->ip6->source)) ||
				       p->ip6->next == IPPROTO_ICMPV6
			       ? TO_REPLY
			       : XDP_PASS;
	}
	if (live.masqueraded && may_be_servers(p->ip->saddr))
		return TO_REPLY;
	return p->ip->protocol == IPPROTO_ICMP && live.masqueraded | live.tunnelled
		       ? TO_TAKE_FOR_ERROR
		       : XDP_PASS;
}

/* Sends on a packet of a connection, once it is counted. */
static __always_inline int send_on(struct xdp_md *ctx, const struct packet *p, __u64 control,
				   const struct destination *d)
{
	switch (forwarding_of(control)) {
	case FORWARD_TUNNELLED:
		if (d->tunnel != TUNNEL_IPIP || d->forwarding != FORWARD_TUNNELLED ||
		    d->version != p->version)
			break;
		decrement_ttl(p);
		if (!push_plain(ctx, p, d))
			return XDP_DROP;
		return leave(ctx, d->interface, d->mac, d->source_mac);
	case FORWARD_MASQUERADED:
		if (ingress(ctx)->partial_checksums || p->protocol == IPPROTO_SCTP)
			break;
		decrement_ttl(p);
		if (!translate(p, 0, 0, &d->address, d->translated_port))
			return XDP_DROP;
		return leave(ctx, d->interface, d->mac, d->source_mac);
	case FORWARD_DIRECTLY:
		decrement_ttl(p);
		return leave(ctx, d->interface, d->mac, d->source_mac);
	}
	return to_forward(destination_of(control), forwarding_of(control));
}

static __always_inline int handle(struct xdp_md *ctx, struct arrival *a, __u64 version)
{
	struct packet p;
	__u64 control;

	if (!parse_version(ctx, &p, version))
		return XDP_PASS;
	if (!is_to_held(&p))
		return handle_others(&p);
	if (!is_for_us(ctx, &p))
		return XDP_PASS;

	/* Asked for first, since there is little yet that would have to be put away meanwhile. */
	__u32 now = now_in_ticks(), service;
	int kind = parse_packet(ctx, &p);

	if (kind != OF_A_FLOW)
		return kind == NOT_OURS ? XDP_PASS : TO_FOLLOW | kind;

	__u64 hash = hash_of(&p.key);
	struct flow *f = find_nearby(&p.key, hash, now, &control);

	if (!f && !may_be_served(&p))
		return XDP_PASS;	/* the director's own traffic to its virtual address */
	if (!f)
		f = find_far_away(&p.key, hash, now, &control);
	if (f && !(p.flags & TCP_SYN)) {
		struct destination *d = find_destination(destination_of(control));
		struct counters *c =
			counters_of(bpf_get_smp_processor_id(), destination_of(control));

		if (d && c && is_plain(&p, d) && advance(f, control, &p, now)) {
			count_packet(c, &p);
			return send_on(ctx, &p, control, d);
		}
	}
	service = find_service(&p);
	if (!f && service == NO_SERVICE)
		return XDP_PASS;
	note(a, &p, service, f != 0);
	return TO_BALANCE;
}

static __noinline int handle4(struct xdp_md *ctx, struct arrival *a)
{
	return handle(ctx, a, IPV4);
}

static __noinline int handle6(struct xdp_md *ctx, struct arrival *a)
{
	return handle(ctx, a, IPV6);
}

/* Is the frame, whose tags are off, one of IPv6? */
static __always_inline int is_ipv6(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	return (void *)(eth + 1) <= (void *)(long)ctx->data_end &&
	       eth->h_proto == bpf_htons(ETH_P_IPV6);
}

SEC("xdp")
int trimaran(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct arrival arrival;
	__u64 tags = 0;

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	if (is_tag(eth->h_proto))
		tags = take_tags(ctx);

	int six = is_ipv6(ctx);
	int traced = live.tracing.until && (six ? begin_trace6(ctx) : begin_trace4(ctx));
	int verdict = six ? handle6(ctx, &arrival) : handle4(ctx, &arrival);

	if (verdict > XDP_REDIRECT)
		verdict = go_on(ctx, verdict, &arrival, six);
	if (traced)
		end_trace(verdict);
	return tags && verdict != XDP_DROP && !put_tags(ctx, tags) ? XDP_DROP : verdict;
}

/* For the loader, which learns from two readings how long a jiffy is. */
SEC("syscall")
int read_clock(struct clock_reading *reading)
{
	reading->jiffies = bpf_jiffies64();
	reading->time = bpf_ktime_get_ns();
	return 0;
}

/* Sends a frame back where it came from, to find out whether a driver can do that. */
SEC("xdp")
int reflect(struct xdp_md *ctx)
{
	return XDP_TX;
}

char _license[] SEC("license") = "Dual MIT/GPL";
