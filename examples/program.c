// SPDX-License-Identifier: BSD-3-Clause
#include "program.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libiommu.h>

#include "sentence.h"

volatile sig_atomic_t program_signal;

static int first_error; /* of writing */

/*
 * Where one of the first three descriptors is closed, the device's could take its place, and what is
 * printed would land in its registers.  These in its stead refuse as a closed one does.
 */
void program_occupy_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
			exit(EXIT_FAILURE);
}

static void note_signal(int number)
{
	program_signal = number;
}

/* A second signal kills: somebody has lost patience with a device that does not answer. */
void program_catch_signals(void)
{
	struct sigaction action = { .sa_handler = note_signal, .sa_flags = SA_RESETHAND };

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

void program_flush(void)
{
	if (fflush(stdout) != 0 && !first_error)
		first_error = errno;
}

static int close_output(void)
{
	int lost;

	program_flush();
	lost = ferror(stdout);
	if (fclose(stdout) != 0 && !first_error)
		first_error = errno;
	if (first_error || lost)
		return fail(-EIO, "not all could be written to standard output%s%s",
			    first_error ? ": " : "", first_error ? strerror(first_error) : "");
	return 0;
}

int program_close_output(void)
{
	return close_output() < 0 ? program_complain(EXIT_FAILURE) : EXIT_SUCCESS;
}

int program_complain(int status)
{
	warnx("%s", fail_sentence());
	return status;
}

int program_refuse(int error)
{
	warnx("%s", iom_errmsg());
	return error == -EINVAL ? EXIT_USAGE : EXIT_FAILURE;
}

void program_warn(void *arg, int level, const char *message)
{
	(void)arg;
	if (level <= IOM_LOG_WARN)
		warnx("%s", message);
}
