// SPDX-License-Identifier: BSD-3-Clause
#include "nic_run.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "sentence.h"

#define BATCH 32             /* frames for one register write */
#define TURNS_PER_CLOCK 1024 /* a look at the clock costs a system call on some machines */
#define SECOND_NS UINT64_C(1000000000)

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* ---- Memory ------------------------------------------------------------------------------------- */

/* The pool does not say what it is made of; what is mapped where a buffer is does. */
static uint64_t page_of(const struct iom_domain *domain, const struct iom_buf *buffer)
{
	struct iom_what what = { .size = sizeof(what) };
	struct iom_buf_info info = { .size = sizeof(info) };

	if (iom_whatis(domain, buffer->iova, &what) < 0 || what.state != IOM_WHAT_MAPPED ||
	    iom_buf_read_info(domain, &what.region, &info) < 0)
		return 0;
	return info.page;
}

/* Receive rings are full of buffers, and what is sent never fills a ring: there are always some. */
static int open_pool(struct nic_run *run)
{
	const struct iom_buf_opts options = {
		.size = sizeof(options),
		.least_page = run->options->least_page,
	};
	struct iom_buf buffer;
	int ret;

	run->buffers = (uint64_t)run->options->entries * 2 * NIC_CARDS;
	ret = iom_buf_pool_open(run->domain, NIC_BUFFER, run->buffers, &options, &run->pool);
	if (ret < 0)
		return fail(ret, "%s", iom_errmsg());
	ret = iom_buf_get(run->pool, &buffer);
	if (ret < 0)
		return fail(ret, "no buffer of the pool can be mapped: %s", strerror(-ret));
	run->page = page_of(run->domain, &buffer);
	iom_buf_put(run->pool, &buffer);
	return 0;
}

int nic_run_prepare(struct nic_run *run)
{
	int ret;

	ret = open_pool(run);
	for (unsigned int i = 0; i < NIC_CARDS && !ret; i++)
		ret = nic_start(&run->cards[i], run->pool, run->options->entries);
	for (unsigned int i = 0; i < NIC_CARDS && !ret; i++)
		ret = nic_wait_link(&run->cards[i]);
	if (ret < 0)
		return ret;

	for (unsigned int i = 0; i < NIC_CARDS; i++) {
		struct nic_lane *lane = &run->lanes[i];

		*lane = (struct nic_lane){
			.from = &run->cards[i],
			.to = &run->cards[NIC_CARDS - 1 - i],
			.shortest = UINT16_MAX,
		};
		nic_way_init(&lane->way, lane->from->address, lane->to->address,
			     run->options->seed);
	}
	return 0;
}

void nic_run_release(struct nic_run *run)
{
	iom_buf_pool_close(run->pool);
	run->pool = NULL;
}

/* ---- Send --------------------------------------------------------------------------------------- */

static int send_one(struct nic_run *run, struct nic_lane *lane)
{
	struct iom_buf buffer;
	int ret;

	ret = iom_buf_get(run->pool, &buffer);
	if (ret < 0)
		return ret;
	ret = nic_send(lane->from, &buffer, nic_pattern_fill(&lane->way, lane->sent, buffer.va));
	if (ret < 0) {
		iom_buf_put(run->pool, &buffer);
		return ret;
	}
	lane->sent++;
	return 0;
}

/*
 * No more than the window under way: the receiver has a descriptor for each.  And not before a batch can
 * go, since the register write costs more than the frames.
 */
static int send_batch(struct nic_run *run, struct nic_lane *lane)
{
	uint64_t room = run->options->window - (lane->sent - lane->due);
	uint64_t left = run->options->frames - lane->sent;
	uint64_t batch = run->options->window < BATCH ? run->options->window : BATCH;
	int ret = 0;

	if (*run->signal)
		return 0;
	batch = left < batch ? left : batch;
	if (room < batch)
		return 0;
	for (uint64_t i = 0; i < batch && !ret; i++)
		ret = send_one(run, lane);
	nic_kick(lane->from);
	return ret == -EAGAIN ? 0 : ret;
}

/* ---- Receive ------------------------------------------------------------------------------------ */

/* The first frame that is wrong has the word; those that follow are counted. */
static void complain(const struct nic_run *run, const struct nic_lane *lane,
		     const struct nic_frame *frame, size_t at)
{
	const uint8_t *bytes = frame->buffer.va;
	uint16_t length = nic_pattern_length(&lane->way, lane->due);

	if (run->lanes[0].wrong + run->lanes[1].wrong > 1)
		return;
	if (!frame->whole)
		fail(-EILSEQ, "%s received a damaged frame in place of number %" PRIu64,
		     lane->to->name, lane->due);
	else if (frame->length != length)
		fail(-EILSEQ, "%s received %u bytes in place of number %" PRIu64 ", which has %u",
		     lane->to->name, frame->length, lane->due, length);
	else
		fail(-EILSEQ,
		     "%s received number %" PRIu64 " with 0x%02x at byte %zu of %u, which is wrong",
		     lane->to->name, lane->due, bytes[at], at, length);
}

static void take_right(struct nic_lane *lane, uint64_t number, uint16_t length)
{
	lane->lost += number - lane->due;
	lane->due = number + 1;
	lane->bytes += length;
	if (length < lane->shortest)
		lane->shortest = length;
	if (length > lane->longest)
		lane->longest = length;
}

static void check(const struct nic_run *run, struct nic_lane *lane, const struct nic_frame *frame)
{
	enum nic_verdict verdict;
	uint64_t number = 0;
	size_t at = 0;

	verdict = nic_pattern_check(&lane->way, frame->buffer.va, frame->length, &number, &at);
	if (verdict == NIC_FOREIGN) {
		lane->foreign++;
		return;
	}
	lane->received++;
	if (verdict == NIC_RIGHT && frame->whole && number >= lane->due && number < lane->sent) {
		take_right(lane, number, frame->length);
		return;
	}
	lane->wrong++;
	complain(run, lane, frame, at);
	/* One that is wrong stands for that which was due; one that came before does not. */
	if (verdict == NIC_WRONG && lane->due < lane->sent)
		lane->due++;
}

static int receive_batch(struct nic_run *run, struct nic_lane *lane)
{
	struct nic_frame frames[BATCH];
	unsigned int n;
	int ret;

	n = nic_receive(lane->to, frames, BATCH);
	for (unsigned int i = 0; i < n; i++) {
		check(run, lane, &frames[i]);
		ret = iom_buf_put(run->pool, &frames[i].buffer);
		if (ret < 0)
			return fail(ret, "a buffer of %s cannot be put back: %s", lane->to->name,
				    strerror(-ret));
	}
	return (int)n;
}

/* ---- The run ------------------------------------------------------------------------------------ */

static bool done(const struct nic_run *run)
{
	for (unsigned int i = 0; i < NIC_CARDS; i++) {
		const struct nic_lane *lane = &run->lanes[i];

		if (lane->due < lane->sent || (lane->sent < run->options->frames && !*run->signal))
			return false;
	}
	return true;
}

/* One batch each way; returns how many frames came. */
static int turn(struct nic_run *run)
{
	int count = 0;
	int ret;

	for (unsigned int i = 0; i < NIC_CARDS; i++) {
		struct nic_lane *lane = &run->lanes[i];

		nic_reclaim(lane->from);
		ret = send_batch(run, lane);
		if (ret < 0)
			return fail(ret, "%s cannot send: %s", lane->from->name, strerror(-ret));
		ret = receive_batch(run, lane);
		if (ret < 0)
			return ret;
		count += ret;
	}
	return count;
}

static int each_second(struct nic_run *run)
{
	int ret;

	if (run->progress)
		run->progress(run);
	for (unsigned int i = 0; i < NIC_CARDS; i++) {
		ret = nic_wanted_back(&run->cards[i]);
		if (!ret)
			ret = nic_check(&run->cards[i]);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int look_at_clock(struct nic_run *run)
{
	uint64_t before = run->now_ns;

	run->now_ns = now_ns();
	if (run->heard)
		run->heard_ns = run->now_ns;
	run->heard = false;
	if (run->now_ns - run->heard_ns > run->patience_ns)
		return fail(-ETIMEDOUT, "no frame came for %" PRIu64 " s",
			    run->patience_ns / SECOND_NS);
	if ((run->now_ns - run->started_ns) / SECOND_NS == (before - run->started_ns) / SECOND_NS)
		return 0;
	return each_second(run);
}

static int run_all(struct nic_run *run)
{
	int ret;

	for (unsigned int turns = 1; !done(run); turns++) {
		ret = turn(run);
		if (ret < 0)
			return ret;
		if (ret)
			run->heard = true;
		ret = turns % TURNS_PER_CLOCK ? 0 : look_at_clock(run);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* What was sent and is neither here nor known to be lost is lost now. */
static int sum_up(struct nic_run *run)
{
	uint64_t lost = 0, wrong = 0;

	for (unsigned int i = 0; i < NIC_CARDS; i++) {
		struct nic_lane *lane = &run->lanes[i];

		lane->lost += lane->sent - lane->due;
		lane->due = lane->sent;
		lost += lane->lost;
		wrong += lane->wrong;
		nic_read_counts(&run->cards[i], &run->counts[i]);
	}
	if (lost && !wrong)
		return fail(-EILSEQ, "%" PRIu64 " frames were lost", lost);
	return lost || wrong ? -EILSEQ : 0;
}

int nic_run(struct nic_run *run)
{
	int ret, sum;

	run->started_ns = now_ns();
	run->now_ns = run->started_ns;
	run->heard_ns = run->started_ns;
	ret = run_all(run);
	run->now_ns = now_ns();

	/* Why it ended early has the word. */
	if (ret < 0 && ret != -ETIMEDOUT) {
		for (unsigned int i = 0; i < NIC_CARDS; i++)
			nic_read_counts(&run->cards[i], &run->counts[i]);
		return ret;
	}
	sum = sum_up(run);
	return sum ? sum : ret;
}
