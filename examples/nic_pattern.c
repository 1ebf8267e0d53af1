// SPDX-License-Identifier: BSD-3-Clause
#include "nic_pattern.h"

#include <endian.h>
#include <string.h>

#include "mix.h"

#define TYPE_HIGH 0x88 /* the first of the two types that IEEE 802 has set aside for experiments */
#define TYPE_LOW 0xb5
#define SMALL 128 /* how much longer than the shortest a small frame may be */
#define STEP UINT64_C(0x9e3779b97f4a7c15)

void nic_way_init(struct nic_way *way, const uint8_t *from, const uint8_t *to, uint64_t seed)
{
	uint64_t key = mix(seed);

	memcpy(way->header, to, NIC_ADDRESS);
	memcpy(way->header + NIC_ADDRESS, from, NIC_ADDRESS);
	way->header[2 * NIC_ADDRESS] = TYPE_HIGH;
	way->header[2 * NIC_ADDRESS + 1] = TYPE_LOW;
	for (size_t i = 0; i < sizeof(way->header); i++)
		key = mix(key ^ way->header[i]);
	way->key = key;
}

static uint64_t frame_key(const struct nic_way *way, uint64_t number)
{
	return mix(way->key ^ number);
}

static uint16_t length_of(uint64_t key)
{
	unsigned int kind = (unsigned int)(key % 64);

	if (kind == 0)
		return NIC_LONGEST;
	if (kind == 1)
		return NIC_SHORTEST;
	return (uint16_t)(NIC_SHORTEST +
			  (key >> 6) % (kind < 8 ? NIC_LONGEST - NIC_SHORTEST + 1 : SMALL));
}

uint16_t nic_pattern_length(const struct nic_way *way, uint64_t number)
{
	return length_of(frame_key(way, number));
}

/*
 * After the header comes the number, and then words that differ each from the one before: what is
 * moved by some bytes, or comes from another frame, is found.
 */
uint16_t nic_pattern_fill(const struct nic_way *way, uint64_t number, void *frame)
{
	uint64_t key = frame_key(way, number);
	uint16_t length = length_of(key);
	uint64_t word = htole64(number);
	char *byte = frame, *end = byte + length;

	memcpy(byte, way->header, sizeof(way->header));
	byte += sizeof(way->header);
	memcpy(byte, &word, sizeof(word));
	for (byte += sizeof(word); end - byte >= (ptrdiff_t)sizeof(word); byte += sizeof(word)) {
		word = htole64(key += STEP);
		memcpy(byte, &word, sizeof(word));
	}
	word = htole64(key + STEP);
	memcpy(byte, &word, (size_t)(end - byte));
	return length;
}

static enum nic_verdict differs(const struct nic_way *way, uint64_t number, const uint8_t *frame,
				size_t *at)
{
	uint8_t right[NIC_LONGEST];
	size_t length = nic_pattern_fill(way, number, right);

	for (*at = 0; *at < length && frame[*at] == right[*at];)
		++*at;
	return NIC_WRONG;
}

enum nic_verdict nic_pattern_check(const struct nic_way *way, const void *frame, size_t length,
				   uint64_t *number, size_t *at)
{
	const uint8_t *first = frame, *byte = first + sizeof(way->header), *end = first + length;
	uint64_t key, word;

	if (length < NIC_SHORTEST || byte[-2] != TYPE_HIGH || byte[-1] != TYPE_LOW)
		return NIC_FOREIGN;
	memcpy(&word, byte, sizeof(word));
	*number = le64toh(word);
	key = frame_key(way, *number);
	if (length != length_of(key)) {
		*at = length_of(key);
		return NIC_WRONG;
	}
	if (memcmp(first, way->header, sizeof(way->header)) != 0)
		return differs(way, *number, first, at);
	for (byte += sizeof(word); end - byte >= (ptrdiff_t)sizeof(word); byte += sizeof(word)) {
		memcpy(&word, byte, sizeof(word));
		if (le64toh(word) != (key += STEP))
			return differs(way, *number, first, at);
	}
	word = htole64(key + STEP);
	if (memcmp(byte, &word, (size_t)(end - byte)) != 0)
		return differs(way, *number, first, at);
	return NIC_RIGHT;
}
