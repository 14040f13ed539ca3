/* What an intermediary's word on its load comes to. */
#include "policyd/prober/prober_load.h"

#include <math.h>
#include <string.h>

#include "tests/unit/unit.h"

static void
of_lines(void)
{
	static const struct {
		const char *line;
		enum pdmsg_load load;
		uint16_t percent;
	} all[] = {
	    {"75%\n", PDMSG_LOAD_WEIGHT, 75},
	    {"ready up 30%\n", PDMSG_LOAD_WEIGHT, 30},
	    {"0%\n", PDMSG_LOAD_WEIGHT, 0},
	    {"200%\n", PDMSG_LOAD_WEIGHT, 100},
	    {"up\n", PDMSG_LOAD_WEIGHT, 100},
	    {"ready\n", PDMSG_LOAD_WEIGHT, 100},
	    {"drain\n", PDMSG_LOAD_DRAIN, 0},
	    {"maint 50%\n", PDMSG_LOAD_DRAIN, 0},
	    {"down #disk\n", PDMSG_LOAD_DOWN, 0},
	    {"failed,90%\n", PDMSG_LOAD_DOWN, 0},
	    {"drain stopped\n", PDMSG_LOAD_DOWN, 0},
	};
	struct load_agent a;
	uint16_t percent;
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		CHECK_INT(
		    load_agent_parse(all[i].line, strlen(all[i].line), &a), 0);
		CHECK(prober_load_agent(&a, &percent) == all[i].load &&
			  percent == all[i].percent,
		    "%s: %u %%", all[i].line, percent);
	}
}

static void
of_metrics(void)
{
	static const struct {
		double value;
		uint16_t percent;
	} all[] = {{0, 100}, {-5, 100}, {1, 99}, {250, 50}, {499, 1}, {500, 0},
	    {1e300, 0}, {-1e300, 100}, {HUGE_VAL, 0}, {(double)NAN, 0}};
	uint16_t percent;
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(*all); i++)
		CHECK(prober_load_metric(all[i].value, 500, &percent) ==
			      PDMSG_LOAD_WEIGHT &&
			  percent == all[i].percent,
		    "%g: %u %%", all[i].value, percent);
}

static const struct unit_case cases[] = {
    {"of lines", of_lines},
    {"of metrics", of_metrics},
};

UNIT_MAIN("prober_load", cases)
