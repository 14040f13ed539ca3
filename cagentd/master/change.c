/* What a reload changes; does nothing about it. */
#include "cagentd/master/change.h"

#include <string.h>

const char *
change_fixed(const struct settings *a, const struct settings *b)
{
	if (strcmp(a->run_dir, b->run_dir) != 0)
		return "run-dir";
	if (strcmp(a->pid_file, b->pid_file) != 0)
		return "pid-file";
	if (strcmp(a->control_user.name, b->control_user.name) != 0)
		return "control-user";
	if (strcmp(a->worker_user.name, b->worker_user.name) != 0)
		return "worker-user";
	if (strcmp(a->resolver_user.name, b->resolver_user.name) != 0)
		return "resolver-user";
	if (strcmp(a->verifier_user.name, b->verifier_user.name) != 0)
		return "verifier-user";
	/* The control process has its state's file, and a chain of roots. */
	if (strcmp(a->policy_root, b->policy_root) != 0)
		return "root";
	if (a->policy_root[0] != '\0' &&
	    strcmp(a->state_dir, b->state_dir) != 0)
		return "state-dir";
	/* The policy in force may be for the one that was. */
	if (a->policy_root[0] != '\0' && strcmp(a->group, b->group) != 0)
		return "group";
	return NULL;
}

bool
change_nameservers(const struct settings *a, const struct settings *b)
{
	uint32_t i;

	if (a->nameservers_n != b->nameservers_n)
		return true;
	for (i = 0; i < a->nameservers_n; i++) {
		if (!net_addr_equal(&a->nameservers[i], &b->nameservers[i]))
			return true;
	}
	return false;
}
