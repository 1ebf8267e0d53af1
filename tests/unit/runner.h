/* SPDX-License-Identifier: BSD-3-Clause */
/* What every unit test program ends with: return run_suite(suite); */
#ifndef IOM_TEST_RUNNER_H
#define IOM_TEST_RUNNER_H

#include <check.h>

/*
 * Runs the suite, frees it, and returns main's exit status: success only if tests ran and all passed.
 * Check's own variables choose the rest: CK_TAP_LOG_FILE_NAME (make check sets it to -), CK_FORK,
 * CK_RUN_CASE, CK_VERBOSITY.
 */
int run_suite(Suite *suite);

#endif
