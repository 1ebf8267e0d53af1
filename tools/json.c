// SPDX-License-Identifier: BSD-3-Clause
#include "json.h"

#include <inttypes.h>
#include <stdio.h>

#include "terminal.h"

static void quote(const char *text)
{
	putchar('"');
	while (*text) {
		size_t n = terminal_character(text);

		if (*text == '"' || *text == '\\')
			putchar('\\');
		if (n)
			printf("%.*s", (int)n, text);
		else if ((unsigned char)*text < 0x80)
			printf("\\u%04x", (unsigned char)*text);
		else
			putchar('?');
		text += n ? n : 1;
	}
	putchar('"');
}

static void begin(struct json *json, const char *key)
{
	if (json->depth)
		printf("%s\n%*s", json->follows ? "," : "", (int)(2 * json->depth), "");
	json->follows = true;
	if (!key)
		return;
	quote(key);
	printf(": ");
}

void json_open(struct json *json, const char *key, char bracket)
{
	begin(json, key);
	putchar(bracket);
	json->depth++;
	json->follows = false;
}

void json_close(struct json *json, char bracket)
{
	json->depth--;
	if (json->follows)
		printf("\n%*s", (int)(2 * json->depth), "");
	putchar(bracket);
	json->follows = true;
	if (!json->depth)
		putchar('\n');
}

void json_text(struct json *json, const char *key, const char *value)
{
	begin(json, key);
	if (value)
		quote(value);
	else
		printf("null");
}

void json_number(struct json *json, const char *key, uint64_t value)
{
	begin(json, key);
	printf("%" PRIu64, value);
}

void json_bool(struct json *json, const char *key, bool value)
{
	begin(json, key);
	printf(value ? "true" : "false");
}

void json_address(struct json *json, const char *key, uint64_t value)
{
	begin(json, key);
	printf("\"0x%" PRIx64 "\"", value);
}
