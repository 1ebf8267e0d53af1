// SPDX-License-Identifier: BSD-3-Clause
/* The words of a simulated machine, as LIBIOMMU_SIM has them: simulate/words.c. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "simulate/words.h"

const char fuzz_target[] = "words";

static void make(struct iom_words *words)
{
	struct iom_sim *sim = NULL;
	size_t i;
	int ret;

	fuzz_holds(words->config.size == sizeof(words->config));
	fuzz_holds(words->config.n_devices <= IOM_WORDS_DEVICES);
	/* the text is theirs, not the caller's, who may free his */
	for (i = 0; i < words->config.n_devices; i++)
		fuzz_holds(words->devices[i].address >= words->text &&
			   words->devices[i].address < words->text + sizeof(words->text));
	ret = iom_sim_create(&words->config, &sim);
	fuzz_holds(ret < 0 ? !sim : !ret && sim);
	iom_sim_destroy(sim);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct iom_words *words = malloc(sizeof(*words));
	char *text = malloc(n + 1), why[96];
	int ret;

	fuzz_holds(words && text);
	memcpy(text, data, n);
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	memset(why, 0, sizeof(why));
	ret = iom_words_read(words, text, why, sizeof(why));
	free(text);
	if (ret < 0)
		fuzz_holds(*why && strnlen(why, sizeof(why)) < sizeof(why));
	else
		make(words);
	free(words);
	return 0;
}
