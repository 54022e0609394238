// SPDX-License-Identifier: MIT OR GPL-2.0-only
// What one access to memory costs that has to wait for the one before: a chain through every cache
// line of a table, in random order, for tables of several sizes in pages of 4 KiB and of 2 MiB. No
// look-up in such a table can be faster. Prints ns of CPU time, the least of seven rounds.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define LINE 64
#define HUGE_PAGE (2ul << 20)
#define STEPS 2000000

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static uint64_t random_below(uint64_t n)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x % n;
}

static double chase(size_t size, int advice)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	char *raw = mmap(0, size + HUGE_PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
	char *table = (char *)(((uintptr_t)raw + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
	size_t lines = size / LINE;
	double best = 1e9;

	if (raw == MAP_FAILED || madvise(table, size, advice)) {
		perror("chase");
		exit(1);
	}
	// Sattolo's shuffle: the links are one cycle through all lines.
	for (size_t i = 0; i < lines; i++)
		*(uint64_t *)(table + i * LINE) = i;
	for (size_t i = lines - 1; i; i--) {
		uint64_t *one = (uint64_t *)(table + i * LINE);
		uint64_t *other = (uint64_t *)(table + random_below(i) * LINE), was = *one;

		*one = *other;
		*other = was;
	}
	for (int round = 0; round < 7; round++) {
		uint64_t at = 0;
		double begin = cpu_ns(), took;

		for (int i = 0; i < STEPS; i++)
			at = *(uint64_t *)(table + at * LINE);
		took = (cpu_ns() - begin) / STEPS;
		if (took < best && at < lines)
			best = took;
	}
	munmap(raw, size + HUGE_PAGE);
	return best;
}

int main(void)
{
	printf("chase: ns for an access that waits for the one before\n%8s%12s%12s\n", "MiB",
	       "4-KiB pages", "2-MiB pages");
	for (size_t mib = 1; mib <= 128; mib *= 2)
		printf("%8zu%12.1f%12.1f\n", mib, chase(mib << 20, MADV_NOHUGEPAGE),
		       chase(mib << 20, MADV_HUGEPAGE));
	return 0;
}
