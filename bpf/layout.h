/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What the program and user space share. dataplane/xdp/layout.py declares the same with numpy;
 * the loader compares the two through this object's BTF and refuses to start on a difference.
 * Addresses and ports are as on the wire, everything else in host order. */
#pragma once
#include <linux/types.h>

#define SLOTS 4			/* flows a bucket: 128 bytes, two adjacent cache lines */
#define STATES 32		/* TCP's eleven, UDP, from 16 on SCTP's fourteen */
#define STATE_NONE 0
#define STATE_ESTABLISHED 1
#define STATE_FIN_WAIT 4
#define STATE_UDP 11
#define STATE_TEMPLATE 12	/* and the next one: a controlled connection was established */
#define STATE_ASSURED 13
#define STATE_SCTP 16
#define STATE_SCTP_ESTABLISHED 24
#define SCTP_CHUNKS 16		/* types of SCTP chunks that mean something */
#define HELD_BITS 13		/* of the hash of a virtual address */
#define HELD_BUCKETS (1 << HELD_BITS)
#define HELD_SLOTS 16		/* one cache line */
#define HELD6_SLOTS 16		/* two of them */
#define FILTER_WORDS 2048	/* of 32 bits, one bit for a hash */
#define INTERFACES 1024		/* by ifindex modulo this */
#define TICKS_PER_SECOND 16	/* unit of expiry stamps */
#define WAYS 4096		/* to clients, by hash, on each CPU */
#define FRAGMENTED_PACKETS 16384	/* remembered at a time */
#define EVENTS 16
#define DECISIONS_BYTES (1 << 18)	/* told of and not read yet: some 2,000 */

#define IPV4 4
#define IPV6 6

/* An address of either version, as on the wire; after IPv4's four bytes there are zeros. */
union address {
	__u32 ipv4;
	__u32 word[4];
	__u64 half[2];
};

/* An IPv4 connection. `control` holds all that changes, so that a transition is one
 * compare-and-exchange and exactly one CPU accounts for it:
 *   bits 0-31 expiry (ticks), 32-53 destination, 54-55 enum forwarding, 56-60 state,
 *   61 one-way (IPVS's NOOUTPUT: no packet of the server seen yet), 62-63 phase.
 * Or, as in IPVS, a template: which server the next connections of a client go to. */
struct flow {
	__u64 addresses;	/* client, virtual */
	__u64 transport;	/* client port, virtual port, protocol, kind */
	__u64 control;
	__u32 overflow;		/* slot 0 of a bucket: until when (ticks) it may miss flows */
	__u32 timeout;		/* of a template: ticks that it lives after a new connection */
};

/* An IPv6 connection: `addresses` is a number made of the two that follow, and all is as above
 * but for what tells two flows of the same number apart. */
struct flow6 {
	struct flow flow;
	union address client;
	union address virtual_address;
};

#define KIND_TEMPLATE (1ull << 40)	/* of a service, for a masked client; its port is 0 */
#define KIND_RETIRED (1ull << 41)	/* a template that could not be used, left to die */

struct bucket {
	struct flow flow[SLOTS];
};

struct bucket6 {
	struct flow6 flow[SLOTS];
};

enum scheduler {
	SCHEDULER_RR,
	SCHEDULER_WRR,
	SCHEDULER_LC,
	SCHEDULER_WLC,
	SCHEDULER_SED,
	SCHEDULER_NQ,
	SCHEDULER_FO,
	SCHEDULER_OVF,
	SCHEDULER_SH,
	SCHEDULER_DH,
	SCHEDULER_MH,
	SCHEDULER_LBLC,
	SCHEDULER_LBLCR,
	SCHEDULER_TWOS,
};

#define SERVICE_PERSISTENT 1
#define SERVICE_FALLBACK 8	/* sh-fallback, mh-fallback */
#define SERVICE_HASH_PORT 16	/* sh-port, mh-port */
#define SERVICE_ONE_PACKET 4	/* (the bits of IPVS's netlink) */

/* A virtual service. Its destinations are switched by one store to `list`:
 *   bits 0-19 generation, 20-39 number of members, 40-63 where in `members` the head is.
 * `turn` is the scheduler's memory, valid for the list whose generation it has in bits 52-63;
 * for a newer list the head says how to begin. Bits 32-51 are a cursor (1 + index of a member;
 * 0: none yet), bits 0-31 a level: wrr's current weight, lblcr's time of the last change. */
struct service {
	__u64 list;
	__u64 turn;
	union address address;
	__u16 port;
	__u8 protocol;
	__u8 configured;
	__u32 scheduler;
	__u32 flags;
	__u32 netmask;		/* persistence: which clients are the same one (IPv6: bits) ... */
	__u32 timeout;		/* ... and for how long (s) */
	__u32 zero;		/* see unknown_zero() */
	__u8 version;		/* of IP */
	__u8 reserved[7];
};

struct service_key {
	__u32 address;
	__u16 port;
	__u8 protocol;
	__u8 zero;
};

struct service_key6 {
	__u32 address[4];
	__u16 port;
	__u8 protocol;
	__u8 zero;
};

/* A list in `members` is a head and then the members, the newest first. */
struct list_head {
	__u64 turn;		/* to begin with, without generation */
	__u32 divisor;		/* wrr: greatest common divisor of the weights */
	__u32 table;		/* sh, dh, mh: first row in `slots`, NO_TABLE if there is none */
};

struct member {
	__u32 destination;
	__u32 weight;
	__u32 stamp;		/* lblcr: when it entered the set, counted; 0: not in it */
	__u32 reserved;
};

union list_entry {
	struct list_head head;
	struct member member;
};

#define NO_TABLE ~0u
#define ROW_SLOTS 16
#define BUCKETS 256		/* sh, dh: slots of a table */
#define MAGLEV_SLOTS 4093	/* mh */

/* Places in a list, by hash. */
struct row {
	__u16 place[ROW_SLOTS];
};

/* Numbered as in IPVS. A connection keeps the one that it was entered with. */
enum forwarding { FORWARD_MASQUERADED, FORWARD_LOCALLY, FORWARD_TUNNELLED, FORWARD_DIRECTLY };

enum tunnel { TUNNEL_IPIP, TUNNEL_GUE, TUNNEL_GRE };

/* "Remote" is for packets whose own checksum is left to hardware; as none that is received is
 * known to be one, it is the same as "full" here, for GUE; GRE does not know it. */
enum tunnel_checksum { TUNNEL_CHECKSUM_NONE, TUNNEL_CHECKSUM_FULL, TUNNEL_CHECKSUM_REMOTE };

#define DESTINATION_CONFIGURED 1	/* in its service; without: in the trash, packets dropped */
#define DESTINATION_RESOLVED 2		/* its MAC address is known: new connections may go there */
#define DESTINATION_REACHABLE 4		/* its MAC address was once known */
#define DESTINATION_LOCAL 8		/* the director itself */
#define DESTINATION_MASQUERADED 16	/* replies of its connections are looked for */
#define DESTINATION_USED 128		/* this record is taken (for user space) */

struct destination {
	__u8 mac[6];
	__u8 source_mac[6];
	__u32 interface;
	__u32 mtu;		/* what may be in a tunnel, if there is one */
	__u32 flags;
	__u16 tunnel_port;	/* these three are one store */
	__u8 tunnel;
	__u8 tunnel_checksum;
	__u16 port;
	__u8 protocol;
	__u8 forwarding;	/* of new connections */
	union address address;
	__u16 translated_port;	/* of masqueraded packets; 0: they keep their own */
	__u16 virtual_port;
	__u8 version;		/* of IP, of `address` and `source` */
	__u8 virtual_version;
	__u16 reserved;
	__u32 weight;
	__u32 service;
	/* What the packets of most connections need not is in a cache line of its own. */
	union address virtual_address;
	union address source;	/* the director's address towards it */
	__u32 sibling;		/* 1 + the next one masqueraded that is the same server and port */
	__u32 reserved2[7];
};

/* One CPU's share of a destination's counters; the sums over the CPUs count.
 * Only this CPU's packet path writes here, so plain additions lose nothing. */
struct counters {
	__u64 connections;
	__u64 packets;
	__u64 bytes;
	__u64 packets_out;
	__u64 bytes_out;
	__u64 reserved[3];
};

/* A destination's connections now, shared by all CPUs: bits 0-31 ActiveConn, 32-62 active and
 * inactive ones, 63 overloaded (ipvs-semantics 2.2). */
struct load {
	__u64 connections;
	__u32 upper;		/* thresholds, 0: none */
	__u32 lower;
};

/* A fragmented packet, and where its first fragment went. */
struct fragment_key {
	union address source;
	union address target;
	__u32 id;
	__u8 protocol;
	__u8 zero[3];
};

struct fragment {
	__u32 destination;
	__u32 tick;
	__u8 forwarding;
	__u8 out;		/* to the client */
	__u16 zero;
};

/* The way to a client, as the kernel said in this tick. */
struct way {
	union address client;
	union address source;
	__u32 tick;
	__u32 ingress;
	__u32 interface;
	__u32 mtu;
	__u8 mac[6];
	__u8 source_mac[6];
	__u32 reserved;
};

/* A next hop that a client was behind, whose MAC address the kernel does not know. */
struct hop {
	union address address;
	__u32 interface;	/* 0: none */
	__u32 version;		/* of IP */
};

enum event {
	EVENT_HASHED,			/* packet forwarded by hash: no room for an entry */
	EVENT_EVICTED,			/* live entry given up for a new flow */
	EVENT_NO_DESTINATION,		/* nobody to schedule to */
	EVENT_DESTINATION_REMOVED,	/* packet of a flow whose destination is gone: dropped */
	EVENT_UNRESOLVED,		/* MAC address of the destination unknown: dropped */
	EVENT_CHECKSUM_OFFLOADED,	/* sender left the checksum to hardware there is none of */
	EVENT_FRAGMENT,			/* later fragment, first one unknown: left to the kernel */
	EVENT_TTL_EXCEEDED,
	EVENT_TOO_BIG,
	EVENT_ICMP_SENT,
	EVENT_ICMP_SUPPRESSED,		/* by the rate limit */
	EVENT_CONTENTION,		/* another CPU won every time: packet dropped */
	EVENT_MERGED,			/* merged by GRO, and no way out that splits it: dropped */
	EVENT_DEFENDED,			/* would have begun a connection: dropped by drop_packet */
	EVENT_NO_TEMPLATE,		/* no room for a persistent client's template */
};

struct events {
	__u64 count[EVENTS];
};

/* A network interface that the program is attached to. */
struct interface {
	__u64 mac;		/* as the first six bytes of a frame; 0: any */
	__u32 index;
	__u32 mtu;
	__u32 verify_checksums;	/* senders may leave checksums to be filled in (veth) */
	__u32 never_tx;		/* XDP_TX may get stuck: send by redirection (veth) */
	__u32 partial_checksums;	/* packets may have checksums left to hardware (generic mode) */
	__u32 reserved;
};

struct icmp_budget {
	__u32 tick;
	__u32 tokens;		/* in 1/TICKS_PER_SECOND of a message */
};

/* IPVS's sysctls (ipvs-semantics 4.11), by their names. */
struct behaviour {
	__s32 conn_reuse_mode;
	__s32 expire_nodest_conn;
	__s32 expire_quiescent_template;
	__s32 sloppy_tcp;
	__s32 secure_tcp;		/* for user space: it changes `transition` */
	__s32 drop_packet;
	__s32 am_droprate;
	__s32 drop_entry;
};

/* Which packets to virtual addresses are told of (trimaran xdp trace). */
struct tracing {
	__u64 until;		/* ticks; 0: nobody asks */
	union address client;
	union address client_mask;
	union address virtual_address;
	union address virtual_mask;
	__u32 ports;		/* the client's and the virtual one */
	__u32 ports_mask;
	__u32 per_tick;		/* how many are told of, on each CPU */
	__u8 protocol;		/* 0: any */
	__u8 version;		/* of IP; 0: any */
	__u16 reserved;
};

/* What became of a packet. */
struct decision {
	__u64 time;		/* ktime (ns) */
	union address client;
	union address virtual_address;
	__u64 before;		/* control word of its entry, 0: none; before the packet ... */
	__u64 after;		/* ... and after it */
	__u32 ports;
	__u32 service;		/* or NO_SERVICE */
	__u32 length;		/* of the IP packet */
	__u32 events;		/* bits by enum event */
	__u32 verdict;
	__u32 skipped;		/* such packets before it that were too many to tell of */
	__u8 protocol;
	__u8 flags;		/* TCP's */
	__u8 version;		/* of IP */
	__u8 reserved[5];
};

/* A CPU's packet between the beginning and the end. */
struct traced {
	struct decision decision;
	__u64 events[EVENTS];	/* as they were */
	__u32 tick;
	__u32 told;		/* in this tick */
	__u32 skipped;
	__u32 reserved;
};

/* What user space changes while the program runs, each with one store. */
struct live {
	__u64 version;			/* hash of this layout and its sizes */
	__u64 tick_multiplier;		/* ticks = jiffies * this >> 24 */
	__u64 hash_seed;
	__u64 clock;			/* what the clock showed, in 1/256 ticks ... */
	__u64 clock_time;		/* ... at this ktime (ns), at the last sweep */
	__u32 services;			/* how many are configured */
	__u32 icmp_per_second;
	__u32 lifetime[STATES];		/* ticks that an entry lives after a packet */
	__u64 takeover;			/* until when (ticks), 0: not: see adopts() */
	__u32 masqueraded;		/* how many servers are */
	__u32 tunnelled;		/* whether any is */
	__u32 wildcards;		/* how many services have port 0: all ports */
	__u32 persistent;		/* how many services are */
	__u32 candidates;		/* for drop_packet: would have begun a connection */
	__u32 reserved;
	struct behaviour behaviour;
	struct tracing tracing;
	__u8 transition[4 * STATES * 32];	/* direction << 10 | state << 5 | flags */
	struct hop unresolved_hop;
	__u32 server_filter[FILTER_WORDS];	/* by hash: may be a masqueraded server's address */
	__u32 service_filter[FILTER_WORDS];	/* may be of a service that there is, or was */
	__u32 held[HELD_BUCKETS][HELD_SLOTS];	/* addresses this director holds, 0 ends a row */
	__u64 held6[HELD_BUCKETS][HELD6_SLOTS];	/* IPv6: what number_of() makes of them */
	struct interface interfaces[INTERFACES];
};

/* User space's own: what a destination's or service's counters started from, and rates. */
struct ledger {
	__s64 base[5];
	__s64 last[5];
	__s64 average[5];
	__s64 share;		/* of a destination: its last weight that was not 0, for mh */
};
