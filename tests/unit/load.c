/* How intermediaries tell their load. */
#include "probe/load.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/unit.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

static void
understands_agents(void)
{
	static const struct {
		const char *line;
		struct load_agent want;
	} all[] = {
	    {"75%\n", {0, 0, 75, -1, ""}},
	    {"up 75%\r\n", {0, LOAD_UP, 75, -1, ""}},
	    {"drain", {LOAD_DRAIN, 0, -1, -1, ""}},
	    {"maint\nup 3%\n", {LOAD_MAINT, 0, -1, -1, ""}},
	    {"down#too hot\n", {0, LOAD_DOWN, -1, -1, "too hot"}},
	    {"Failed # a, b%\n", {0, LOAD_FAILED, -1, -1, " a, b%"}},
	    {"stopped", {0, LOAD_STOPPED, -1, -1, ""}},
	    {"ready up", {LOAD_READY, LOAD_UP, -1, -1, ""}},
	    {"  READY,,up\t0%, maxconn:30 ", {LOAD_READY, LOAD_UP, 0, 30, ""}},
	    {"maxconn:0", {0, 0, -1, 0, ""}},
	    {"256%", {0, 0, 256, -1, ""}},
	    {"5% 5%", {0, 0, 5, -1, ""}},
	    {"up#\33[2J", {0, LOAD_UP, -1, -1, "?[2J"}},
	};
	struct load_agent a;
	size_t i;

	for (i = 0; i < N(all); i++) {
		memset(&a, 0xff, sizeof(a));
		CHECK(
		    load_agent_parse(all[i].line, strlen(all[i].line), &a) == 0,
		    "\"%s\" is refused", all[i].line);
		CHECK(a.admin == all[i].want.admin, "%s: %d", all[i].line,
		    a.admin);
		CHECK(a.state == all[i].want.state, "%s: %d", all[i].line,
		    a.state);
		CHECK(a.percent == all[i].want.percent, "%s: %d%%", all[i].line,
		    a.percent);
		CHECK(a.maxconn == all[i].want.maxconn, "%s: %lld", all[i].line,
		    (long long)a.maxconn);
		CHECK_STR(a.why, all[i].want.why);
	}
}

static void
refuses_agents(void)
{
	static const char *const all[] = {"", "\n", "#x", " , ", "sideways",
	    "upp", "75", "%", "-5%", "257%", "1e2%", "99999999999%", "5 %",
	    "maxconn:", "maxconn: 3", "maxconn:x", "maxconn:3000000000",
	    "up down", "drain ready", "5% 6%", "maxconn:1 maxconn:2",
	    "HTTP/1.1 200 OK", "up 75% and so on"};
	struct load_agent a = {.percent = 42};
	char line[LOAD_LINE_MAX + 2];
	size_t i;

	for (i = 0; i < N(all); i++)
		CHECK(load_agent_parse(all[i], strlen(all[i]), &a) == -EINVAL,
		    "\"%s\" is taken", all[i]);
	CHECK_INT(load_agent_parse("up\0x", 4, &a), -EINVAL);
	memset(line, ' ', sizeof(line));
	memcpy(line, "up", 2);
	CHECK_INT(load_agent_parse(line, LOAD_LINE_MAX + 1, &a), -EINVAL);
	CHECK_INT(a.percent, 42);
	CHECK_INT(load_agent_parse(line, LOAD_LINE_MAX, &a), 0);
	/* A long description is cut. */
	memset(line + 2, '#', sizeof(line) - 2);
	CHECK_INT(load_agent_parse(line, LOAD_LINE_MAX, &a), 0);
	CHECK_INT(strlen(a.why), LOAD_WHY_MAX - 1);
}

static void
finds_samples(void)
{
	static const struct {
		const char *line, *selector;
		int rc;
		double value;
	} all[] = {
	    {"node_load1 0.5", "node_load1", 1, 0.5},
	    {"node_load1\t1.5e3 1395066363000", "node_load1", 1, 1500},
	    {"node_load1 -3\r", "node_load1", 1, -3},
	    {"node_load15 7", "node_load1", 0, 0},
	    {"node_load1 7", "node_load15", 0, 0},
	    {"# TYPE node_load1 gauge", "node_load1", 0, 0},
	    {"", "node_load1", 0, 0},
	    {"a:b_c 1", "a:b_c", 1, 1},
	    {"x{cpu=\"0\"} 4", "x", 1, 4},
	    {"x{} 4", "x", 1, 4},
	    {"x {cpu=\"0\" , mode = \"user\",} 4", "x{mode=\"user\"}", 1, 4},
	    {"x{cpu=\"0\",mode=\"user\"} 4", "x{mode=\"user\",cpu=\"0\"}", 1,
		4},
	    {"x{cpu=\"0\",mode=\"user\"} 4", "x{mode=\"idle\"}", 0, 0},
	    {"x{cpu=\"0\"} 4", "x{mode=\"user\"}", 0, 0},
	    {"x 4", "x{mode=\"user\"}", 0, 0},
	    {"x 4", "x{}", 1, 4},
	    {"x{l=\"a\\\"} 9,b=\\\"\"} 4", "x", 1, 4},
	    {"x{l=\"a\\\\\"} 4", "x{l=\"a\\\\\"}", 1, 4},
	    {"x NaN", "x", -ERANGE, 0},
	    {"x +Inf", "x", -ERANGE, 0},
	    {"x 1e999", "x", -ERANGE, 0},
	    {"x", "x", -EINVAL, 0},
	    {"x ", "x", -EINVAL, 0},
	    {"x four", "x", -EINVAL, 0},
	    {"x 4,5", "x", -EINVAL, 0},
	    {"x{cpu=\"0\" 4", "x", -EINVAL, 0},
	    {"x{cpu=\"0} 4", "x", -EINVAL, 0},
	    {"x{cpu=0} 4", "x", -EINVAL, 0},
	    {"x{=\"0\"} 4", "x", -EINVAL, 0},
	    {"x{cpu=\"0\\", "x", -EINVAL, 0},
	};
	double value;
	size_t i;
	int rc;

	for (i = 0; i < N(all); i++) {
		value = 0;
		rc = load_sample_parse(
		    all[i].line, strlen(all[i].line), all[i].selector, &value);
		CHECK(rc == all[i].rc && value == all[i].value,
		    "%s of %s: %d, %f", all[i].selector, all[i].line, rc,
		    value);
	}
}

static void
checks_selectors(void)
{
	static const char *const good[] = {
	    "x", "a:b", "x{}", "x{a=\"b\"}", "x{a=\"b\",c=\"\\\"}\"}"};
	static const char *const bad[] = {"", "1x", "x y", "x{", "x{a}",
	    "x{a=b}", "x{a=\"b\"}z", "x{a=\"b\"", "{a=\"b\"}", "x 1"};
	char text[LOAD_SELECTOR_MAX + 2];
	size_t i;

	for (i = 0; i < N(good); i++)
		CHECK(load_selector_check(good[i]) == 0, "%s", good[i]);
	for (i = 0; i < N(bad); i++)
		CHECK(load_selector_check(bad[i]) == -EINVAL, "%s", bad[i]);
	memset(text, 'x', sizeof(text));
	text[LOAD_SELECTOR_MAX + 1] = '\0';
	CHECK_INT(load_selector_check(text), -EINVAL);
	text[LOAD_SELECTOR_MAX] = '\0';
	CHECK_INT(load_selector_check(text), 0);
}

static const struct unit_case cases[] = {
    {"understands agents", understands_agents},
    {"refuses agents", refuses_agents},
    {"finds samples", finds_samples},
    {"checks selectors", checks_selectors},
};

UNIT_MAIN("load", cases)
