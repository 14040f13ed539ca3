/* Fuzzes what agents and their managers say to each other: a first byte picks
 * the message.  What is read as one is written the same, byte for byte, so
 * that there is one encoding; nothing is read beyond the end. */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "wire/manage.h"

static void
reads_register(const uint8_t *in, size_t len)
{
	uint8_t out[512];
	struct manage_register r;
	int n = manage_register_decode(in, len, &r);

	if (n == WIRE_BAD)
		return;
	assert((size_t)n == len);
	assert(manage_name_ok(r.name) && manage_name_ok(r.group));
	assert(manage_register_encode(&r, out, sizeof(out)) == n);
	assert(memcmp(in, out, len) == 0);
}

static void
reads_answer(const uint8_t *in, size_t len, bool nack)
{
	char text[MANAGE_TEXT_MAX + 1];
	struct manage_answer a;
	uint8_t out[512];
	int n = manage_answer_decode(in, len, nack, &a);

	if (n == WIRE_BAD)
		return;
	assert((size_t)n == len);
	manage_text_set(text, a.text);
	assert(strcmp(text, a.text) == 0);
	assert(manage_answer_encode(&a, nack, out, sizeof(out)) == n);
	assert(memcmp(in, out, len) == 0);
}

/* Row by row until one is bad: manage_report_ok() says the same. */
static void
reads_report(const uint8_t *in, size_t len)
{
	uint8_t *out = malloc(len + 1);
	char before[MANAGE_NAME_MAX + 1] = "";
	struct manage_report head;
	struct manage_row row;
	bool rising = true;
	size_t used;
	int n, i;

	assert(out != NULL);
	n = manage_report_decode(in, len, &head);
	if (n > 0)
		assert(manage_report_encode(&head, out, len) == n);
	used = n > 0 ? (size_t)n : 0;
	for (i = 0; n > 0 && i < head.rows_n; i++) {
		n = manage_row_decode(in + used, len - used, &row);
		if (n <= 0)
			break;
		assert(manage_row_encode(&row, out + used, len - used) == n);
		rising = rising && strcmp(before, row.name) < 0;
		memcpy(before, row.name, sizeof(before));
		used += (size_t)n;
	}
	assert(memcmp(in, out, used) == 0);
	assert(manage_report_ok(in, len) == (n > 0 && used == len && rising));
	free(out);
}

/* Any text becomes one that a nack can carry. */
static void
sets_text(const uint8_t *in, size_t len)
{
	struct manage_answer a = {.of = 1, .code = "x"};
	char *text = malloc(len + 1);
	uint8_t out[512];

	assert(text != NULL);
	memcpy(text, in, len);
	text[len] = '\0';
	manage_text_set(a.text, text);
	assert(manage_answer_encode(&a, true, out, sizeof(out)) > 0);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *copy;

	if (len < 1)
		return 0;
	/* Ends where the sanitizer watches. */
	copy = malloc(len > 1 ? len - 1 : 1);
	assert(copy != NULL);
	memcpy(copy, data + 1, len - 1);
	switch (data[0] % 5) {
	case 0:
		reads_register(copy, len - 1);
		break;
	case 1:
		reads_answer(copy, len - 1, false);
		break;
	case 2:
		reads_answer(copy, len - 1, true);
		break;
	case 3:
		reads_report(copy, len - 1);
		break;
	case 4:
		sets_text(copy, len - 1);
		break;
	}
	free(copy);
	return 0;
}
