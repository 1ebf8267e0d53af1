// SPDX-License-Identifier: BSD-3-Clause
/*
 * cksum OFFSET BYTES <FILE: "CRC BYTES" of a range, the CRC as POSIX cksum defines it. Debian's
 * busybox has no cksum, and what judges the poller's data must not be the poller's code.
 */

#define _GNU_SOURCE
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static uint32_t table[256];

static void make_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i << 24;

		for (int bit = 0; bit < 8; bit++)
			crc = (crc << 1) ^ (crc & 0x80000000u ? 0x04c11db7u : 0);
		table[i] = crc;
	}
}

static uint32_t add(uint32_t crc, uint8_t byte)
{
	return (crc << 8) ^ table[(crc >> 24) ^ byte];
}

int main(int argc, char **argv)
{
	static uint8_t buf[1 << 20];
	uint64_t offset, bytes, done = 0;
	uint32_t crc = 0;

	if (argc != 3)
		errx(2, "usage: cksum OFFSET BYTES <FILE");
	offset = strtoull(argv[1], NULL, 0);
	bytes = strtoull(argv[2], NULL, 0);
	make_table();

	while (done < bytes) {
		size_t want = bytes - done < sizeof(buf) ? bytes - done : sizeof(buf);
		ssize_t got = pread(STDIN_FILENO, buf, want, offset + done);

		if (got < 0)
			err(1, "read at %llu", (unsigned long long)(offset + done));
		if (got == 0)
			errx(1, "the file ends at %llu", (unsigned long long)(offset + done));
		for (ssize_t i = 0; i < got; i++)
			crc = add(crc, buf[i]);
		done += got;
	}
	for (uint64_t len = bytes; len; len >>= 8)
		crc = add(crc, len & 0xff);
	printf("%lu %llu\n", (unsigned long)(uint32_t)~crc, (unsigned long long)bytes);
	return 0;
}
