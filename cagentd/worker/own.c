/* Tells our own listeners from everybody else's; refuses nobody. */
#include "cagentd/worker/own.h"

#include "cagentd/decide/classify.h"

bool
own_listens(const struct settings *s, const struct net_ip *ip, uint16_t port)
{
	switch (classify_own(s, ip, port)) {
	case OWN_YES:
		return true;
	case OWN_IF_HERE:
		return net_is_here(ip);
	case OWN_NO:
		break;
	}
	return false;
}
