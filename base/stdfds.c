/* Sees to it that the three standard descriptors are taken. */
#include "base/stdfds.h"

#include <fcntl.h>
#include <unistd.h>

void
stdfds_fill(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}
