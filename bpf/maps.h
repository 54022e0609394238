/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The maps, and the constants that the loader writes before the program is loaded. */
#pragma once
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "requests.h"

/* Arrays that user space maps: it lists, edits and counts with no system call. The loader sets
 * the sizes marked 1. */
#define MAPPED_ARRAY(name, struct_type)                 \
	struct {                                        \
		__uint(type, BPF_MAP_TYPE_ARRAY);       \
		__uint(map_flags, BPF_F_MMAPABLE);      \
		__uint(max_entries, 1);                 \
		__type(key, __u32);                     \
		__type(value, struct_type);             \
	} name SEC(".maps")

MAPPED_ARRAY(flows, struct bucket);
MAPPED_ARRAY(flows6, struct bucket6);
MAPPED_ARRAY(services, struct service);
MAPPED_ARRAY(members, union list_entry);
MAPPED_ARRAY(slots, struct row);
MAPPED_ARRAY(destinations, struct destination);
MAPPED_ARRAY(counters, struct counters);	/* CPU * capacity + destination */
MAPPED_ARRAY(loads, struct load);
MAPPED_ARRAY(templates, __u64);			/* how many lead to a destination: PersistConn */
MAPPED_ARRAY(events, struct events);		/* by CPU */
MAPPED_ARRAY(ledger, struct ledger);		/* destinations, then services, then the total */
MAPPED_ARRAY(newcomers, struct newcomer);	/* from user space, for enter() */
MAPPED_ARRAY(icmp_budgets, struct icmp_budget);	/* by CPU */

#define INDEX(name, key_type)                          \
	struct {                                        \
		__uint(type, BPF_MAP_TYPE_HASH);        \
		__uint(max_entries, 1);                 \
		__type(key, key_type);                  \
		__type(value, __u32);                   \
	} name SEC(".maps")

INDEX(service_ids, struct service_key);
INDEX(service_ids6, struct service_key6);

/* The first destination masqueraded to a server's address and port; see `sibling`. */
INDEX(masqueraded, struct service_key);
INDEX(masqueraded6, struct service_key6);

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WAYS);
	__type(key, __u32);
	__type(value, struct way);
} ways SEC(".maps");

/* Those longest not asked for make room for others. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FRAGMENTED_PACKETS);
	__type(key, struct fragment_key);
	__type(value, struct fragment);
} fragments SEC(".maps");

/* A data section, not an array map: its address is a constant in the program, and a look-up
 * costs nothing. */
struct live live SEC(".data.live");

/* The state tables, written by the loader from dataplane/states.py (their one source). */
const volatile __u8 sctp_event[SCTP_CHUNKS];	/* by chunk type */
const volatile __u8 active_connection[STATES];	/* 1: counts in ActiveConn */
const volatile __u8 reusable[STATES];		/* 1: a SYN here starts a new connection */
const volatile __u8 eviction_rank[STATES];	/* order of giving up for a new flow; 0: never */
const volatile __u32 near_buckets, far_buckets;	/* the near ones, a power of two, come first */
const volatile __u32 near_buckets6, far_buckets6;
const volatile __u32 capacity;			/* destinations */
