/* Makes the certificates of a case; starts nothing. */
#include "tests/integ/rig_tls.h"

#include "tests/unit/tls_sample.h"

const struct tls_sample *
rig_tls_authority(void)
{
	static const struct tls_sample_spec spec = {.cn = "the rig's"};
	static struct tls_sample ca;

	if (ca.cert == NULL)
		tls_sample_make(&ca, &spec);
	return &ca;
}

const char *
rig_tls_ca(void)
{
	static char path[RIG_PATH_MAX];

	if (path[0] == '\0') {
		rig_path(path, "ca.crt");
		rig_write(path, rig_tls_authority()->cert_pem, 0644);
	}
	return path;
}

void
rig_tls_cert(struct rig_tls_files *out, const char *name,
    const struct tls_sample_spec *spec)
{
	struct tls_sample s;

	tls_sample_make(&s, spec);
	rig_path(out->cert, "%s.crt", name);
	rig_path(out->key, "%s.key", name);
	rig_write(out->cert, s.cert_pem, 0644);
	rig_write(out->key, s.key_pem, 0644);
	tls_sample_free(&s);
}

void
rig_tls_server(struct rig_tls_files *out, const char *name)
{
	const struct tls_sample_spec spec = {.cn = name,
	    .alt = "IP:127.0.0.1,DNS:proxy.test",
	    .by = rig_tls_authority()};

	rig_tls_cert(out, name, &spec);
}
