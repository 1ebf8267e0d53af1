/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EXPECTED_H
#define EXPECTED_H

#include "runner.h"

enum verdict expected_on(const char *machine, const char *name);

#endif
