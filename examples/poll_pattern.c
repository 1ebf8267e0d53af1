// SPDX-License-Identifier: BSD-3-Clause
#include "poll_pattern.h"

#include <endian.h>
#include <string.h>

#include "mix.h"

#define CRC_POLYNOMIAL 0x04c11db7u

static uint64_t block_key(uint64_t seed, uint64_t lba, uint32_t generation)
{
	return mix(mix(mix(seed) ^ lba) ^ generation);
}

void poll_pattern_fill(void *block, size_t length, uint64_t seed, uint64_t lba, uint32_t generation)
{
	uint64_t key = block_key(seed, lba, generation);
	uint64_t *words = block;

	for (size_t i = 0; i < length / sizeof(*words); i++)
		words[i] = htole64(mix(key + i));
}

static size_t first_difference(const void *a, const void *b, size_t length)
{
	const uint8_t *x = a, *y = b;
	size_t i = 0;

	while (i < length && x[i] == y[i])
		i++;
	return i;
}

size_t poll_pattern_check(const void *block, size_t length, uint64_t seed, uint64_t lba,
			  uint32_t generation)
{
	uint64_t key = block_key(seed, lba, generation);
	const uint64_t *words = block;
	uint64_t expected;

	for (size_t i = 0; i < length / sizeof(*words); i++) {
		expected = htole64(mix(key + i));
		if (words[i] != expected)
			return i * sizeof(*words) +
			       first_difference(&words[i], &expected, sizeof(expected));
	}
	return length;
}

static const uint32_t *crc_table(void)
{
	static uint32_t table[256];

	if (table[1])
		return table;
	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i << 24;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] << 1 ^ (table[i] >> 31 ? CRC_POLYNOMIAL : 0);
	}
	return table;
}

static uint32_t crc_byte(uint32_t crc, const uint32_t *table, uint8_t byte)
{
	return crc << 8 ^ table[crc >> 24 ^ byte];
}

void poll_cksum_start(struct poll_cksum *cksum)
{
	memset(cksum, 0, sizeof(*cksum));
}

void poll_cksum_add(struct poll_cksum *cksum, const void *data, size_t length)
{
	const uint32_t *table = crc_table();
	const uint8_t *bytes = data;
	uint32_t crc = cksum->crc;

	for (size_t i = 0; i < length; i++)
		crc = crc_byte(crc, table, bytes[i]);
	cksum->crc = crc;
	cksum->length += length;
}

/* POSIX: the length follows the data, its lowest byte first, without leading zeros. */
uint32_t poll_cksum_finish(const struct poll_cksum *cksum)
{
	const uint32_t *table = crc_table();
	uint32_t crc = cksum->crc;

	for (uint64_t rest = cksum->length; rest; rest >>= 8)
		crc = crc_byte(crc, table, (uint8_t)rest);
	return ~crc;
}
