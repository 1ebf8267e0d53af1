/* SPDX-License-Identifier: BSD-3-Clause */
/* The sentence that a failing call leaves for its thread. */
#ifndef IOM_ERROR_H
#define IOM_ERROR_H

#define IOM_ERROR_MAX 1024

/* Leave a sentence, cut if too long, with ? for control characters; the answer is err, -errno. */
#define iom_error(err, ...) (iom_error_set(__VA_ARGS__), (err))

/* Put what failed in front of the sentence that is there ("attach 0000:01:00.0: "). */
#define iom_error_prefix(err, ...) (iom_error_set_prefix(__VA_ARGS__), (err))

void iom_error_set(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void iom_error_set_prefix(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The system's words for a kernel's answer, negative, or positive as SPAPR's may be. */
const char *iom_error_text(int answer);

/* Add to the end of it. */
void iom_error_append(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The sentence of an earlier call, put aside while something fails that is not the caller's business. */
struct iom_kept_error {
	char sentence[IOM_ERROR_MAX];
};

void iom_error_keep(struct iom_kept_error *kept);
void iom_error_restore(const struct iom_kept_error *kept);

#endif
