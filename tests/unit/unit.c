/* Runs the cases of one test program through CUnit and counts them. */
#include <CUnit/Basic.h>

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static const char *suite_name;
static unsigned int skipped;
static char skipped_names[4096];

void
unit_check(int ok, const char *file, int line, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	CU_assertImplementation(ok ? CU_TRUE : CU_FALSE, (unsigned int)line,
	    text, file, "", CU_FALSE);
}

void
unit_check_int(
    long long got, long long want, const char *what, const char *file, int line)
{
	unit_check(
	    got == want, file, line, "%s is %lld, not %lld", what, got, want);
}

void
unit_check_str(const char *got, const char *want, const char *what,
    const char *file, int line)
{
	int ok =
	    got != NULL && want != NULL ? strcmp(got, want) == 0 : got == want;

	unit_check(ok, file, line, "%s is \"%s\", not \"%s\"", what,
	    got != NULL ? got : "(null)", want != NULL ? want : "(null)");
}

void
unit_skip(const char *why)
{
	size_t len = strlen(skipped_names);

	skipped++;
	snprintf(skipped_names + len, sizeof(skipped_names) - len,
	    "  skipped: %s: %s: %s\n", suite_name, CU_get_current_test()->pName,
	    why);
}

static void
print_failures(void)
{
	const CU_FailureRecord *f;

	for (f = CU_get_failure_list(); f != NULL; f = f->pNext) {
		fprintf(stderr, "%s:%u: %s: %s\n", f->strFileName,
		    f->uiLineNumber,
		    f->pTest != NULL ? f->pTest->pName : "(setup)",
		    f->strCondition);
	}
}

int
unit_main(const char *suite, const struct unit_case *cases, size_t n)
{
	CU_pSuite s;
	unsigned int failed, passed;
	size_t i;

	suite_name = suite;
	signal(SIGPIPE, SIG_IGN);
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	s = CU_add_suite(suite, NULL, NULL);
	for (i = 0; s != NULL && i < n; i++) {
		if (CU_add_test(s, cases[i].name, cases[i].fn) == NULL) {
			fprintf(stderr, "%s: cannot add %s: %s\n", suite,
			    cases[i].name, CU_get_error_msg());
			return 1;
		}
	}
	CU_basic_set_mode(CU_BRM_SILENT);
	if (s == NULL || CU_basic_run_tests() != CUE_SUCCESS)
		return 1;
	print_failures();
	failed = CU_get_number_of_tests_failed();
	passed = CU_get_number_of_tests_run() - failed - skipped;
	printf("%s%s: %u passed, %u failed, %u skipped\n", skipped_names, suite,
	    passed, failed, skipped);
	CU_cleanup_registry();
	return failed == 0 && passed + skipped == n ? 0 : 1;
}
