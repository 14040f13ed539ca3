/* Starts a real nginx as an origin, and reads what it has logged. */
#include "tests/integ/rig_nginx.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_net.h"

#define PROGRAM	   "/usr/sbin/nginx"
#define CONF_LEN   4096
#define NUMBER_MAX 100000

static void
make_dir(const char *path)
{
	REQUIRE(mkdir(path, 0777) == 0 && chmod(path, 0777) == 0, "%s: %s",
	    path, strerror(errno));
}

static void
write_file(const char *dir)
{
	char path[RIG_PATH_MAX], text[RIG_NGINX_FILE + 1];
	size_t i;

	rig_path(path, "%s/files", dir);
	make_dir(path);
	for (i = 0; i < RIG_NGINX_FILE; i++)
		text[i] = rig_nginx_byte(i);
	text[RIG_NGINX_FILE] = '\0';
	rig_path(path, "%s/files/f", dir);
	rig_write(path, text, 0644);
	rig_path(path, "%s/put", dir);
	make_dir(path);
}

void
rig_nginx_start(struct rig_nginx *n)
{
	char conf[RIG_PATH_MAX], root[RIG_PATH_MAX], text[CONF_LEN];
	const char *const argv[] = {PROGRAM, "-c", conf, "-p", root, NULL};
	int rc;

	if (access(PROGRAM, X_OK) != 0)
		rig_skip("%s is not installed", PROGRAM);
	n->port = rig_port("127.0.0.1");
	rig_path(root, "nginx.d");
	make_dir(root);
	write_file("nginx.d");
	rig_path(n->log, "nginx.d/access");
	rig_path(conf, "nginx.conf");
	snprintf(text, sizeof(text),
	    "daemon off;\nmaster_process off;\npid %s/pid;\n"
	    "error_log stderr warn;\n"
	    "events { worker_connections 2048; }\n"
	    "http {\n"
	    "  log_format c '$connection $request_method $request_uri';\n"
	    "  access_log %s c;\n"
	    "  client_body_temp_path %s/body;\n"
	    "  proxy_temp_path %s/proxy; fastcgi_temp_path %s/fcgi;\n"
	    "  uwsgi_temp_path %s/uwsgi; scgi_temp_path %s/scgi;\n"
	    "  keepalive_requests 100000;\n"
	    "  server {\n"
	    "    listen 127.0.0.1:%u;\n"
	    "    root %s;\n"
	    "    location /put { dav_methods PUT DELETE; }\n"
	    "    location /say { return 200 \"$request_method "
	    "$http_content_length\"; }\n"
	    "    location /none { return 204; }\n"
	    "  }\n"
	    "}\n",
	    root, n->log, root, root, root, root, root, n->port, root);
	rig_write(conf, text, 0644);
	rig_proc_start(
	    &n->proc, &(struct rig_spawn){.name = "nginx", .argv = argv});
	rc = rig_proc_wait_port(&n->proc, "127.0.0.1", n->port, 20000);
	REQUIRE(rc == 0, "nginx does not accept: %s", strerror(-rc));
}

void
rig_nginx_seen(
    const struct rig_nginx *n, const char *in, struct rig_nginx_seen *seen)
{
	char *text = rig_read(n->log, NULL), *line, *next, *target;
	bool *known = calloc(NUMBER_MAX, sizeof(*known));
	unsigned long number;

	*seen = (struct rig_nginx_seen){0, 0};
	REQUIRE(text != NULL && known != NULL, "%s", n->log);
	for (line = text; *line != '\0'; line = next) {
		next = strchr(line, '\n');
		REQUIRE(next != NULL, "half a line: %s", line);
		*next++ = '\0';
		number = strtoul(line, &target, 10);
		if (strstr(target, in) == NULL || number >= NUMBER_MAX)
			continue;
		seen->requests++;
		seen->connections += !known[number];
		known[number] = true;
	}
	free(known);
	free(text);
}
