/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON on standard output.  Inside of an array, key is NULL. */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stdint.h>

struct json {
	unsigned int depth;
	bool follows; /* something stands before, at this depth */
};

void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);

/* value NULL: null. */
void json_text(struct json *json, const char *key, const char *value);
void json_number(struct json *json, const char *key, uint64_t value);
void json_bool(struct json *json, const char *key, bool value);

/* Addresses: "0x1000", for many readers keep only 53 bits of a number. */
void json_address(struct json *json, const char *key, uint64_t value);

#endif
