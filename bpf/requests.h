/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What user space asks of the programs that it runs itself, and what they answer; declared again in
 * dataplane/xdp/layout.py, as layout.h is. */
#pragma once
#include "layout.h"

struct sweep {
	__u32 first;		/* bucket to start with */
	__u32 buckets;
	__u32 expired;		/* out */
	__u32 flows;		/* out: live ones seen */
	__u32 round;		/* counts up: which flows look after their templates */
	__u32 version;		/* of IP: which table */
};

/* A connection to be entered; `control` has the ticks left to live where a flow has its expiry. */
struct newcomer {
	union address client;
	union address virtual_address;
	__u64 transport;
	__u64 control;
	__u32 timeout;		/* of a template */
	__u32 version;		/* of IP */
};

#define NEWCOMERS 256		/* at a time */

struct entering {
	__u32 count;
	__u32 entered;		/* out */
};

struct preview {
	__u64 addresses;	/* IPv6: each folded (see fold_address()) */
	__u64 transport;
	__u32 service;
	__s32 chosen;		/* out: a destination, or negative */
};

struct clock_reading {
	__u64 jiffies;
	__u64 time;
};
