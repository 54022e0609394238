/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Decisions told to whoever asked for them: what was known of a packet before it was handled, and
 * what of it after, into a ring buffer. While nobody asks that is one comparison a packet. Who asks
 * says for how long, and goes on saying so: a reader that was killed leaves nothing on. */
#pragma once
#include "services.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, DECISIONS_BYTES);
} decisions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct traced);
} traced SEC(".maps");

static __always_inline struct traced *traced_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&traced, &zero);
}

static __always_inline int is_within(const union address *a, const union address *net,
				     const union address *mask)
{
	return (a->half[0] & mask->half[0]) == net->half[0] &&
	       (a->half[1] & mask->half[1]) == net->half[1];
}

static __always_inline int is_asked_for(const struct decision *d)
{
	const struct tracing *t = &live.tracing;

	return (!t->version || t->version == d->version) &&
	       (!t->protocol || t->protocol == d->protocol) &&
	       (d->ports & t->ports_mask) == t->ports &&
	       is_within(&d->client, &t->client, &t->client_mask) &&
	       is_within(&d->virtual_address, &t->virtual_address, &t->virtual_mask);
}

/* The key that the decision's connection has in the table. */
static __always_inline void key_of(const struct decision *d, struct key *k, __u64 version)
{
	k->version = version;
	k->transport = (__u64)d->protocol << 32 | d->ports;
	k->client = &d->client;
	k->virtual_address = &d->virtual_address;
	k->addresses = version == IPV6 ? number_after(number_of(k->virtual_address), k->client)
				       : (__u64)d->virtual_address.ipv4 << 32 | d->client.ipv4;
}

static __always_inline __u64 control_now(const struct decision *d, __u64 version)
{
	struct neighbourhood n;
	struct key key;
	__u64 control = 0;

	key_of(d, &key, version);
	if (!find_neighbourhood(&key, &n) || !find_flow(&n, &key, now_in_ticks(), &control))
		return 0;
	return control;
}

/* True if the packet is one to be told of. */
static __always_inline int begin_trace(struct xdp_md *ctx, __u64 version)
{
	__u32 now = now_in_ticks(), cpu = bpf_get_smp_processor_id();
	struct events *events_here = bpf_map_lookup_elem(&events, &cpu);
	struct traced *here = traced_here();
	struct packet p;

	if (!here || !events_here)
		return 0;
	if ((__s32)((__u32)live.tracing.until - now) <= 0) {
		live.tracing.until = 0;
		return 0;
	}
	if (!parse(ctx, &p, version))
		return 0;

	struct decision *d = &here->decision;

	*d = (struct decision){
		.ports = p.transport,
		.length = p.length,
		.protocol = p.protocol,
		.flags = p.flags,
		.version = version,
	};
	if (version == IPV6) {
		d->client = *p.client;
		d->virtual_address = *p.virtual_address;
	} else {
		d->client = ipv4_address(p.addresses);
		d->virtual_address = ipv4_address(p.addresses >> 32);
	}
	if (!is_asked_for(d))
		return 0;
	if (here->tick != now) {
		here->tick = now;
		here->told = 0;
	}
	if (here->told >= live.tracing.per_tick) {
		here->skipped++;
		return 0;
	}
	here->told++;
	d->time = bpf_ktime_get_ns();
	d->service = find_service(&p);
	d->before = control_now(d, version);
	d->skipped = here->skipped;
	here->skipped = 0;
#pragma unroll
	for (int i = 0; i < EVENTS; i++)
		here->events[i] = events_here->count[i];
	return 1;
}

static __noinline int begin_trace4(struct xdp_md *ctx) { return begin_trace(ctx, IPV4); }
static __noinline int begin_trace6(struct xdp_md *ctx) { return begin_trace(ctx, IPV6); }

static __noinline int control_now4(struct traced *here)
{
	here->decision.after = control_now(&here->decision, IPV4);
	return 0;
}

static __noinline int control_now6(struct traced *here)
{
	here->decision.after = control_now(&here->decision, IPV6);
	return 0;
}

/* Tells of the packet that begin_trace() began with. */
static __noinline int end_trace(int verdict)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct events *events_here = bpf_map_lookup_elem(&events, &cpu);
	struct traced *here = traced_here();

	if (!here || !events_here)
		return 0;
	if (here->decision.version == IPV6)
		control_now6(here);
	else
		control_now4(here);
#pragma unroll
	for (int i = 0; i < EVENTS; i++)
		here->decision.events |= (events_here->count[i] != here->events[i]) << i;
	here->decision.verdict = verdict;
	bpf_ringbuf_output(&decisions, &here->decision, sizeof(here->decision), 0);
	return 0;
}
