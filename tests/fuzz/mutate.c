// SPDX-License-Identifier: BSD-3-Clause
#include "mutate.h"

#include <string.h>

#include "tests/unit/random.h"

/* Numbers on which sums and shifts turn over. */
static const uint64_t turns[] = {
	0,
	1,
	0x7f,
	0x80,
	0xff,
	0x1000,
	0x7fff,
	0x8000,
	0xffff,
	0x7fffffff,
	0x80000000,
	0xffffffff,
	UINT64_C(1) << 59,
	UINT64_C(1) << 63,
	UINT64_MAX - 0xfff,
	UINT64_MAX,
};

static const char signs[] = "0123456789abcdefx-/:., \n\t\"<>=\\%";

static size_t insert(uint8_t *data, size_t n, size_t room, size_t at, const uint8_t *what,
		     size_t length)
{
	if (n + length > room)
		return n;
	memmove(data + at + length, data + at, n - at);
	memcpy(data + at, what, length);
	return n + length;
}

static size_t change_one(uint64_t *random, uint8_t *data, size_t n, size_t room,
			 const uint8_t *other, size_t n_other)
{
	uint64_t turn = turns[random_below(random, sizeof(turns) / sizeof(turns[0]))];
	size_t at = random_below(random, n), length = random_below(random, 16) + 1, from;
	uint8_t some[16];

	length = length < n - at ? length : n - at;
	switch (random_below(random, 7)) {
	case 0:
		data[at] ^= (uint8_t)(1 << random_below(random, 8));
		return n;
	case 1:
		data[at] = (uint8_t)random_next(random);
		return n;
	case 2:
		length = (size_t)1 << random_below(random, 4);
		if (length <= n - at)
			memcpy(data + at, &turn, length);
		return n;
	case 3: /* take out */
		memmove(data + at, data + at + length, n - at - length);
		return n - length;
	case 4: /* twice, elsewhere */
		memcpy(some, data + at, length);
		return insert(data, n, room, random_below(random, n + 1), some, length);
	case 5:
		if (!n_other)
			return n;
		from = random_below(random, n_other);
		length = length < n_other - from ? length : n_other - from;
		return insert(data, n, room, at, other + from, length);
	default: /* a digit for another, a sign, an end */
		data[at] = (uint8_t)signs[random_below(random, sizeof(signs))];
		return n;
	}
}

size_t mutate(uint64_t *random, uint8_t *data, size_t n, size_t room, const uint8_t *other,
	      size_t n_other)
{
	uint64_t times = random_below(random, 6) + 1;

	for (; times && n; times--)
		n = change_one(random, data, n, room, other, n_other);
	if (!random_below(random, 32))
		n = n ? random_below(random, n) : 0;
	return n;
}
