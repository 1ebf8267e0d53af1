// SPDX-License-Identifier: BSD-3-Clause
#include "output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static FILE *own_out, *own_err;

void output_begin(struct output *output)
{
	fflush(stdout);
	own_out = stdout;
	own_err = stderr;
	*output = (struct output){ 0 };
	stdout = open_memstream(&output->out, &output->n_out);
	stderr = open_memstream(&output->err, &output->n_err);
	if (!stdout || !stderr)
		abort();
}

void output_end(struct output *output)
{
	(void)output;
	fclose(stdout);
	fclose(stderr);
	stdout = own_out;
	stderr = own_err;
}

void output_free(struct output *output)
{
	free(output->out);
	free(output->err);
}

/* ---- Characters ------------------------------------------------------------------------------ */

/* The length of the character of UTF-8 that text begins with; 0: it is none. */
static size_t character(const unsigned char *text, size_t n)
{
	static const unsigned int least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = *text < 0x80 ? 1 : *text >> 5 == 6 ? 2 : *text >> 4 == 14 ? 3 : 4, i;
	unsigned int code = *text;

	if (length == 1)
		return (*text >= ' ' && *text != 0x7f) || *text == '\n';
	if (length > n || (length == 4 && *text >> 3 != 30))
		return 0;
	code &= 0x7fu >> length;
	for (i = 1; i < length; i++) {
		if (text[i] >> 6 != 2)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	/* the second set of control characters, and halves of pairs */
	if (code < least[length] || code < 0xa0 || code > 0x10ffff ||
	    (code >= 0xd800 && code < 0xe000))
		return 0;
	return length;
}

void output_prints(const char *text, size_t n)
{
	size_t length;

	for (; n; text += length, n -= length) {
		length = character((const unsigned char *)text, n);
		if (!length)
			fprintf(stderr, "fuzz: byte 0x%02x before \"%.20s\"\n",
				(unsigned char)*text, text + 1);
		fuzz_holds(length);
	}
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static const char *blank(const char *at)
{
	return at + strspn(at, " \n");
}

static const char *string(const char *at)
{
	fuzz_holds(*at == '"');
	for (at++; *at != '"'; at++) {
		fuzz_holds((unsigned char)*at >= ' ');
		if (*at != '\\')
			continue;
		at++;
		fuzz_holds(*at && strchr("\"\\/bfnrtu", *at));
		if (*at == 'u') {
			fuzz_holds(strspn(at + 1, "0123456789abcdef") >= 4);
			at += 4;
		}
	}
	return at + 1;
}

static const char *value(const char *at, unsigned int depth);

static const char *members(const char *at, char close, unsigned int depth)
{
	at = blank(at);
	if (*at == close)
		return at + 1;
	for (;;) {
		if (close == '}') {
			at = blank(string(blank(at)));
			fuzz_holds(*at == ':');
			at++;
		}
		at = blank(value(blank(at), depth + 1));
		if (*at == close)
			return at + 1;
		fuzz_holds(*at == ',');
		at++;
	}
}

static const char *value(const char *at, unsigned int depth)
{
	static const char *const words[] = { "true", "false", "null" };
	size_t i, digits;

	fuzz_holds(depth < 16);
	if (*at == '{')
		return members(at + 1, '}', depth);
	if (*at == '[')
		return members(at + 1, ']', depth);
	if (*at == '"')
		return string(at);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strncmp(at, words[i], strlen(words[i])))
			return at + strlen(words[i]);
	digits = strspn(at, "0123456789");
	fuzz_holds(digits && (*at != '0' || digits == 1));
	return at + digits;
}

void output_is_json(const char *text)
{
	const char *end = value(text, 0);

	fuzz_holds(!strcmp(end, "\n"));
}
