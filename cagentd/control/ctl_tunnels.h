#ifndef CAGENTD_CTL_TUNNELS_H
#define CAGENTD_CTL_TUNNELS_H

/* Tunnels that an answer is made of, so that it stays below CTL_OUT_MAX; what
 * is over is counted. */
#define CTL_TUNNELS_MAX 24576

#endif
