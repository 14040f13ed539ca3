/* Says of a tunnel what it was and how it ended. */
#include "cagentd/worker/tunnel.h"

#include <stdio.h>

#include "base/log.h"

char *
tunnel_label(const struct intake *in, const struct dial *d, const char *via)
{
	char host[WIRE_HOST_STRLEN], why[512], *label;

	if (asprintf(&label, "%s %s via %s (%s)",
		wire_protocol_word(in->protocol),
		wire_host_format(&in->host, host), via,
		dial_why(d, why, sizeof(why))) == -1)
		return NULL;
	return label;
}

void
tunnel_log(const char *label, const struct relay *r, enum relay_end e,
    enum relay_side where, bool loud)
{
	int64_t ms = (loop_now_us(r->loop) - r->started_us) / 1000;
	char line[LOG_LINE_MAX];

	snprintf(line, sizeof(line),
	    "%s: %s, %llu up, %llu down, first byte after %lld ms, %lld ms",
	    label, relay_end_text(e, where),
	    (unsigned long long)r->side[RELAY_CLIENT].bytes,
	    (unsigned long long)r->side[RELAY_UPSTREAM].bytes,
	    (long long)r->first_byte_us / 1000, (long long)ms);
	if (loud)
		log_info("%s", line);
	else
		log_debug("%s", line);
}
