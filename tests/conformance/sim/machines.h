/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulated machines, and what they are made of: for conformance, the sweep and the model. */
#ifndef MACHINES_H
#define MACHINES_H

#include "machine.h"
#include "sim/sim.h"

#define N_MACHINE_DEVICES 11

extern const struct iom_sim_device machine_devices[N_MACHINE_DEVICES];

bool machine_is_power(const struct machine *machine);

/* For iom_sim_create(); a test may change it. */
struct iom_sim_config machine_config(const struct machine *machine);

#endif
