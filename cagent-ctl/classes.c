/* Owns `cagent-ctl classes`: how traffic is spread over its classes. */
#include "base/mono.h"
#include "cagent-ctl/ask.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/verb.h"

static const struct field answer_fields[] = {
    {"schema", NULL, NULL, FIELD_COUNT, false, NULL,
	"of this text: names are added within a schema, never changed"},
    {"ok", NULL, NULL, FIELD_BOOL, false, NULL,
	"false when there is no answer; then \"code\" and \"error\" say why"},
    {"now_us", NULL, NULL, FIELD_TIME, false, NULL,
	"when it was asked; all times are wall-clock microseconds"},
    {"behaviour", NULL, NULL, FIELD_BOOL, false, NULL,
	"whether tunnels change their class by what they turn out to be"},
    {"link.up", NULL, NULL, FIELD_COUNT, false, NULL,
	"what the host's own link carries by [link] bandwidth, bit/s; 0: it is "
	"not said"},
    {"link.down", NULL, NULL, FIELD_COUNT, false, NULL,
	"the same, towards clients"},
    {"classes", NULL, NULL, FIELD_OTHER, false, NULL, "see below"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field class_fields[] = {
    {"name", "CLASS", NULL, FIELD_TEXT, false, NULL, "of the class"},
    {"priority", "PRIO", NULL, FIELD_COUNT, false, NULL, "0 is served first"},
    {"weight", "WEIGHT", NULL, FIELD_COUNT, true, NULL,
	"its share among those of its priority"},
    {"tunnels", "TUNNELS", NULL, FIELD_COUNT, false, NULL,
	"open now, over all workers"},
    {"began.default", "BEGAN", NULL, FIELD_COUNT, false, NULL,
	"tunnels that began in it since nothing was known of them"},
    {"began.rule", "BY RULE", NULL, FIELD_COUNT, false, NULL,
	"or because a rule says so"},
    {"began.history", "BY HISTORY", NULL, FIELD_COUNT, false, NULL,
	"or because their like had turned out to be of it"},
    {"began.behaviour", NULL, NULL, FIELD_COUNT, false, NULL,
	"or because of what they did before they stood"},
    {"came", "CAME", NULL, FIELD_COUNT, false, NULL,
	"tunnels that came from another class, by how they behaved"},
    {"setup.p50_us", NULL, NULL, FIELD_SPAN, false, NULL,
	"half of its tunnels stood within, from the request on, in "
	"microseconds; 0: none did yet"},
    {"setup.p95_us", "SETUP P95", NULL, FIELD_SPAN, true, NULL,
	"19 of 20 stood within, in microseconds"},
    {"waiting", "WAITING", NULL, FIELD_COUNT, true, NULL,
	"requests that wait now, as their tier is full"},
    {"admitted", NULL, NULL, FIELD_COUNT, false, NULL,
	"after they had waited so"},
    {"waited.p50_us", "WAITED P50", NULL, FIELD_SPAN, true, NULL,
	"half of these had waited no longer, in microseconds; 0: none had to"},
    {"waited.p95_us", "WAITED P95", NULL, FIELD_SPAN, true, NULL,
	"19 of 20 had waited no longer, in microseconds"},
    {"refused_full", "REFUSED", NULL, FIELD_COUNT, true, NULL,
	"as their tier was full, or for too long"},
    {"datagrams_dropped", "DROPPED", NULL, FIELD_COUNT, true, NULL,
	"datagrams of SOCKS5, as there was no room for them within its limits "
	"or the link's"},
    {"bytes_up", "UP", NULL, FIELD_BYTES, false, NULL,
	"from clients, while they were of it"},
    {"bytes_down", "DOWN", NULL, FIELD_BYTES, false, NULL, "to clients"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field_list answer_list = {"the answer", "", answer_fields};
static const struct field_list class_list = {
    "a class", "classes", class_fields};

const struct field_list *const classes_fields[] = {
    &answer_list, &class_list, NULL};

int
classes_run(const struct call *call)
{
	json_t *doc;
	int status = ask(call, &doc, "classes");

	if (doc == NULL)
		return status;
	if (call->json)
		render_json(call, doc);
	else
		render_table(call, class_fields,
		    json_object_get(doc, "classes"), mono_wall_us());
	json_decref(doc);
	return status;
}
