/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why the last call of an example's own code failed, as one sentence for a person.  One thread.
 */
#ifndef SENTENCE_H
#define SENTENCE_H

/* Remember the sentence, and return error (a negative errno) for the caller to return. */
__attribute__((format(printf, 2, 3))) int fail(int error, const char *format, ...);

/* "" before the first failure. */
const char *fail_sentence(void);

#endif /* SENTENCE_H */
