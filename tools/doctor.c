// SPDX-License-Identifier: BSD-3-Clause
/* iommuctl doctor: what keeps userspace drivers from working here, and what mends it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "checks.h"
#include "command.h"
#include "json.h"
#include "terminal.h"

#define MEMORY (UINT64_C(64) << 20)

struct doctor_options {
	uint64_t memory;
	bool json;
	bool no_attach;
};

static const struct arg args[] = {
	{ "memory", ARG_SIZE, ARG_FIELD(struct doctor_options, memory), .min = 1,
	  .max = INT64_MAX },
	{ "json", ARG_FLAG, ARG_FIELD(struct doctor_options, json) },
	{ "no-attach", ARG_FLAG, ARG_FIELD(struct doctor_options, no_attach) },
};

enum answer check_found(struct finding *finding, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(finding->what, sizeof(finding->what), format, list);
	va_end(list);
	return CHECK_FOUND;
}

enum answer check_mend(struct finding *finding, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(finding->mend, sizeof(finding->mend), format, list);
	va_end(list);
	return CHECK_FOUND;
}

void check_add_mend(struct finding *finding, const char *format, ...)
{
	size_t used = strlen(finding->mend);
	va_list list;

	va_start(list, format);
	vsnprintf(finding->mend + used, sizeof(finding->mend) - used, format, list);
	va_end(list);
}

static void print_mark(enum terminal_colour colour, const char *mark)
{
	printf("%s%-5s%s", terminal_colour(colour), mark, terminal_colour(TERMINAL_PLAIN));
}

static void print_text(const struct check *check, enum answer answer, const struct finding *finding)
{
	if (answer == CHECK_GOOD) {
		print_mark(TERMINAL_GREEN, "ok");
		printf("%s\n", check->good);
		return;
	}
	print_mark(TERMINAL_RED, "FAIL");
	printf("%s: %s\n", finding->id, finding->what);
	if (*finding->mend)
		printf("     run: %s%s%s\n", terminal_colour(TERMINAL_BOLD), finding->mend,
		       terminal_colour(TERMINAL_PLAIN));
}

static void print_json(struct json *json, const struct finding *finding)
{
	json_open(json, NULL, '{');
	json_text(json, "id", finding->id);
	json_text(json, "what", finding->what);
	json_text(json, "run", *finding->mend ? finding->mend : NULL);
	json_close(json, '}');
}

/* json NULL: as text. */
static void run_checks(const struct check *checks, struct patient *patient, struct json *json)
{
	for (; checks->id; checks++) {
		struct finding finding = { .id = checks->id };
		enum answer answer = checks->look(patient, &finding);

		if (answer == CHECK_SKIP)
			continue;
		terminal_clean(finding.what);
		terminal_clean(finding.mend);
		if (!json)
			print_text(checks, answer, &finding);
		else if (answer == CHECK_FOUND)
			print_json(json, &finding);
		patient->found += answer == CHECK_FOUND;
		patient->commands += *finding.mend != '\0';
	}
}

static void run_all(struct patient *patient, struct json *json)
{
	run_checks(machine_checks, patient, json);
	if (patient->has_device)
		run_checks(device_checks, patient, json);
	run_checks(process_checks, patient, json);
}

static void report_json(struct patient *patient)
{
	struct json json = { 0 };

	json_open(&json, NULL, '{');
	json_text(&json, "device", patient->has_device ? patient->device.address : NULL);
	json_open(&json, "findings", '[');
	run_all(patient, &json);
	json_close(&json, ']');
	json_bool(&json, "well", !patient->found);
	json_close(&json, '}');
}

static void report_text(struct patient *patient)
{
	run_all(patient, NULL);
	if (!patient->found)
		printf("\nall is well%s%s\n", patient->has_device ? " with " : "",
		       patient->device.address);
	else
		printf("\n%u thing%s to mend%s\n", patient->found, patient->found == 1 ? "" : "s",
		       patient->commands ? "; run the commands as root, from top to bottom" : "");
}

int doctor_command(int argc, char **argv)
{
	struct doctor_options options = { .memory = MEMORY };
	struct patient patient = { 0 };
	struct operands operands;
	char address[PCI_ADDRESS];
	int status;

	if (!command_parse(args, sizeof(args) / sizeof(args[0]), argc, argv, &options, 0, 1,
			   &operands, &status))
		return status;
	patient.memory = options.memory;
	patient.may_attach = !options.no_attach;
	if (operands.n) {
		if (pci_address(operands.words[0], address) < 0)
			return complain(EXIT_USAGE);
		if (pci_read(address, &patient.device) < 0)
			return complain(EXIT_FAILED);
		patient.has_device = true;
	}
	host_read(&patient.host);
	if (options.json)
		report_json(&patient);
	else
		report_text(&patient);
	return patient.found ? EXIT_FAILED : EXIT_WELL;
}
