// SPDX-License-Identifier: BSD-3-Clause
#include "groups.h"

const struct bench_group *const bench_groups[] = {
	&bench_group_translate, &bench_group_map,
	&bench_group_stream,    &bench_group_buf,
	&bench_group_batch,     &bench_group_spapr,
	&bench_group_alloc,     &bench_group_count,
	&bench_group_device,    NULL,
};
