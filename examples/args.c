// SPDX-License-Identifier: BSD-3-Clause
#include "args.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sentence.h"

#define MAX_ARGS 32
#define FIRST 256 /* getopt's number of the first; below are letters */

/* strtoull() alone takes signs and leading space. */
static int parse_number(const char *text, const char **end, uint64_t *value)
{
	unsigned long long number;
	char *rest;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &rest, text[0] == '0' && (text[1] | 0x20) == 'x' ? 16 : 10);
	if (errno)
		return -EINVAL;
	*end = rest;
	*value = number;
	return 0;
}

int args_size(const char *text, const char **end, uint64_t *bytes)
{
	static const char units[] = "kmgt";
	unsigned int shift = 0;
	const char *unit, *rest;
	uint64_t value;

	if (parse_number(text, &rest, &value) < 0)
		return -EINVAL;
	unit = *rest ? strchr(units, tolower((unsigned char)*rest)) : NULL;
	if (unit) {
		shift = 10 * (unsigned int)(unit - units + 1);
		rest++;
		if (!strncasecmp(rest, "ib", 2))
			rest += 2;
		else if ((*rest | 0x20) == 'b')
			rest++;
	}
	if (value > UINT64_MAX >> shift)
		return -EINVAL;

	*end = rest;
	*bytes = value << shift;
	return 0;
}

int args_size_option(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t unit,
		     uint64_t *bytes)
{
	const char *rest;
	uint64_t value;

	if (args_size(text, &rest, &value) < 0 || *rest)
		return fail(-EINVAL, "--%s: \"%s\" is not a size such as 4k, 64m or 512", name,
			    text);
	if (value < min || value > max)
		return fail(-EINVAL, "--%s: \"%s\" is not from %" PRIu64 " to %" PRIu64 " bytes",
			    name, text, min, max);
	if (unit && value % unit)
		return fail(-EINVAL, "--%s: \"%s\" is not a multiple of %" PRIu64 " KiB", name,
			    text, unit >> 10);
	*bytes = value;
	return 0;
}

static int number_option(const struct arg *arg, const char *text, uint64_t *number)
{
	const char *rest;
	uint64_t value;

	if (parse_number(text, &rest, &value) < 0 || *rest || value < arg->min || value > arg->max)
		return fail(-EINVAL, "--%s: \"%s\" is not a number from %" PRIu64 " to %" PRIu64,
			    arg->name, text, arg->min, arg->max);
	*number = value;
	return 0;
}

static int word_option(const struct arg *arg, const char *text, uint64_t *index)
{
	char list[128] = "";
	size_t used = 0;

	for (uint64_t i = 0; arg->words[i]; i++) {
		if (!text || !strcmp(text, arg->words[i])) {
			*index = arg->min + i;
			return 0;
		}
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
					 arg->words[i]);
	}
	return fail(-EINVAL, "--%s: \"%s\" is none of %s", arg->name, text, list);
}

static void store(const struct arg *arg, uint64_t value, void *field)
{
	switch (arg->bytes) {
	case 1:
		*(uint8_t *)field = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)field = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)field = (uint32_t)value;
		break;
	default:
		*(uint64_t *)field = value;
		break;
	}
}

static int take(const struct arg *arg, const char *text, void *options)
{
	void *field = (char *)options + arg->offset;
	uint64_t value = 1;
	int ret = 0;

	switch (arg->kind) {
	case ARG_TEXT:
		*(const char **)field = text;
		return 0;
	case ARG_OWN:
		return arg->take(text, options);
	case ARG_FLAG:
		break;
	case ARG_NUMBER:
		ret = number_option(arg, text, &value);
		break;
	case ARG_SIZE:
		ret = args_size_option(arg->name, text, arg->min, arg->max, arg->unit, &value);
		break;
	case ARG_WORD:
		ret = word_option(arg, text, &value);
		break;
	}
	if (!ret)
		store(arg, value, field);
	return ret;
}

/* getopt's answer is the same for a name that nothing, and one that several options begin with. */
static int unknown_name(const struct option *options, const char *word)
{
	size_t length = strcspn(word + 2, "=");
	char matches[256] = "";
	size_t used = 0;
	int count = 0;

	for (; options->name; options++) {
		if (strncmp(options->name, word + 2, length) != 0)
			continue;
		if (used < sizeof(matches))
			used += (size_t)snprintf(matches + used, sizeof(matches) - used, "%s--%s",
						 count ? ", " : "", options->name);
		count++;
	}
	if (count < 2)
		return fail(-EINVAL, "%s: there is no such option; see --help", word);
	return fail(-EINVAL, "%s is ambiguous: it may be %s", word, matches);
}

/* getopt's own messages lack the value and go to stderr at once; these are ours. */
static int unknown(const struct option *options, char **argv, int result)
{
	const char *word = argv[optind - 1];

	if (result == ':')
		return fail(-EINVAL, "%s needs a value", word);
	if (optopt && optopt < FIRST)
		return fail(-EINVAL, "-%c: there is no such option; see --help", optopt);
	if (optopt)
		return fail(-EINVAL, "%s: this option takes no value", word);
	return unknown_name(options, word);
}

enum args_result args_parse_operands(const struct arg *args, size_t n, int argc, char **argv,
				     void *options, int *first)
{
	struct option list[MAX_ARGS + 3] = { 0 };
	const int help = FIRST + (int)n;
	const int version = help + 1;
	int got;

	assert(n <= MAX_ARGS);
	for (size_t i = 0; i < n; i++) {
		list[i].name = args[i].name;
		list[i].has_arg = args[i].optional           ? optional_argument
				  : args[i].kind == ARG_FLAG ? no_argument
							     : required_argument;
		list[i].val = FIRST + (int)i;
	}
	list[n] = (struct option){ "help", no_argument, NULL, help };
	list[n + 1] = (struct option){ "version", no_argument, NULL, version };

	optind = 0; /* from the start, also when called again */
	opterr = 0;
	while ((got = getopt_long(argc, argv, ":h", list, NULL)) != -1) {
		if (got == help || got == 'h')
			return ARGS_HELP;
		if (got == version)
			return ARGS_VERSION;
		if (got < FIRST) {
			unknown(list, argv, got);
			return ARGS_BAD;
		}
		if (take(&args[got - FIRST], optarg, options) < 0)
			return ARGS_BAD;
	}
	*first = optind;
	return ARGS_RUN;
}

enum args_result args_parse(const char *program, const struct arg *args, size_t n, int argc,
			    char **argv, void *options)
{
	enum args_result result;
	int first;

	result = args_parse_operands(args, n, argc, argv, options, &first);
	if (result == ARGS_RUN && first < argc) {
		fail(-EINVAL, "%s: what is this? %s takes options only; see --help", argv[first],
		     program);
		return ARGS_BAD;
	}
	return result;
}
