/* Owns how a listener is made, stale unix sockets in its way included; accepts
 * nothing. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <unistd.h>

#include "base/net.h"

/* Is there a socket file at the path that nobody listens on? */
static bool
unix_is_dead(const struct sockaddr_un *sun, socklen_t len)
{
	struct stat st;
	bool dead;
	int fd;

	if (lstat(sun->sun_path, &st) == -1 || !S_ISSOCK(st.st_mode))
		return false;
	fd = net_stream_socket(AF_UNIX);
	if (fd < 0)
		return false;
	dead = connect(fd, (const struct sockaddr *)sun, len) == -1 &&
	       errno == ECONNREFUSED;
	close(fd);
	return dead;
}

/* 0 or -errno. */
static int
bind_unix(int fd, const union net_addr *a, unsigned int mode)
{
	socklen_t len = net_addr_len(a);
	int r, err;

	/* bind(2) makes the file with this mode less the umask: never wider
	 * than asked, not even for a moment. */
	if (fchmod(fd, mode) == -1)
		return -errno;
	r = bind(fd, &a->sa, len);
	if (r == -1 && errno == EADDRINUSE) {
		if (!unix_is_dead(&a->un, len))
			return -EADDRINUSE;
		if (unlink(a->un.sun_path) == -1 && errno != ENOENT)
			return -errno;
		r = bind(fd, &a->sa, len);
	}
	if (r == -1)
		return -errno;
	if (chmod(a->un.sun_path, mode) == -1) {
		err = errno;
		unlink(a->un.sun_path);
		return -err;
	}
	return 0;
}

static int
bind_inet(int fd, const union net_addr *a)
{
	int on = 1;

	net_unpace(fd, a);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		return -errno;
	if (a->sa.sa_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == -1)
		return -errno;
	if (bind(fd, &a->sa, net_addr_len(a)) == -1)
		return -errno;
	return 0;
}

int
net_listen(const union net_addr *a, int backlog, unsigned int mode)
{
	bool local = a->sa.sa_family == AF_UNIX;
	int fd, r;

	fd = net_stream_socket(a->sa.sa_family);
	if (fd < 0)
		return fd;
	r = local ? bind_unix(fd, a, mode) : bind_inet(fd, a);
	if (r == 0 && listen(fd, backlog) == -1) {
		r = -errno;
		if (local)
			unlink(a->un.sun_path);
	}
	if (r != 0) {
		close(fd);
		return r;
	}
	return fd;
}
