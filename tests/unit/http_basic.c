/* Tests the coding of Basic credentials. */
#include <string.h>

#include "tests/unit/unit.h"
#include "wire/http_basic.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

struct field {
	const char *name;
	const char *value;
	int want; /* 1: decoded */
	const char *user;
	const char *password;
};

static const struct field fields[] = {
    {"of RFC 7617", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", 1, "Aladdin",
	"open sesame"},
    {"UTF-8", "Basic dGVzdDoxMjPCow==", 1, "test", "123\xc2\xa3"},
    {"colons in the password, blanks before it", "bAsIc   dTo6cDo=", 1, "u",
	":p:"},
    {"both empty", "Basic Og==", 1, "", ""},
    {"another scheme", "Bearer Og==", 0, NULL, NULL},
    {"a scheme that begins so", "Basically Og==", 0, NULL, NULL},
    {"empty", "", 0, NULL, NULL},
    {"scheme alone", "Basic", 0, NULL, NULL},
    {"no credentials", "Basic  ", WIRE_BAD, NULL, NULL},
    {"no padding", "Basic Og", WIRE_BAD, NULL, NULL},
    {"half the padding", "Basic Og=", WIRE_BAD, NULL, NULL},
    {"bits in the padding", "Basic Oh==", WIRE_BAD, NULL, NULL},
    {"alphabet of URLs", "Basic Ojo_", WIRE_BAD, NULL, NULL},
    {"rubbish behind", "Basic Og== a", WIRE_BAD, NULL, NULL},
    {"blank inside", "Basic QWxh ZGRpbg==", WIRE_BAD, NULL, NULL},
    {"no colon", "Basic YWJj", WIRE_BAD, NULL, NULL},
    {"NUL", "Basic AAA6", WIRE_BAD, NULL, NULL},
    {"CR LF", "Basic dToNCg==", WIRE_BAD, NULL, NULL},
    {"DEL", "Basic OjF/", WIRE_BAD, NULL, NULL},
};

static void
test_decode(void)
{
	char user[256], password[256];
	const struct field *f;
	int rc, want;

	for (f = fields; f < fields + N(fields); f++) {
		memcpy(user, "-", 2);
		memcpy(password, "-", 2);
		rc = http_basic_decode(
		    f->value, strlen(f->value), user, password);
		want = f->want == 1 ? (int)strlen(f->value) : f->want;
		CHECK(rc == want, "%s: %d, not %d", f->name, rc, want);
		CHECK(strcmp(user, f->want == 1 ? f->user : "-") == 0,
		    "%s: user %s", f->name, user);
		CHECK(strcmp(password, f->want == 1 ? f->password : "-") == 0,
		    "%s: password %s", f->name, password);
	}
}

static void
round_trip(size_t user_len, size_t password_len, bool ok)
{
	char user[300] = "", password[300] = "";
	char got_user[256] = "", got_password[256] = "";
	char value[HTTP_BASIC_STRLEN];
	int len, rc;

	memset(user, 'u', user_len);
	memset(password, 'p', password_len);
	len = http_basic_encode(user, password, value);
	CHECK((len > 0) == ok, "%zu and %zu: %d", user_len, password_len, len);
	if (len <= 0)
		return;
	CHECK_INT(len, strlen(value));
	rc = http_basic_decode(value, (size_t)len, got_user, got_password);
	CHECK_INT(rc, len);
	CHECK_STR(got_user, user);
	CHECK_STR(got_password, password);
}

static void
test_limits(void)
{
	char value[HTTP_BASIC_STRLEN + 4], user[256], password[256];
	int rc, len;

	round_trip(0, 0, true);
	round_trip(255, 255, true);
	round_trip(255, 0, true);
	round_trip(0, 255, true);
	round_trip(256, 0, false);
	round_trip(0, 256, false);

	/* 255 times "u" and a colon; then one "u" more. */
	memcpy(value, "Basic ", 6);
	for (len = 6; len < 6 + 85 * 4; len += 4)
		memcpy(value + len, "dXV1", 4);
	memcpy(value + len, "Og==", 4);
	rc = http_basic_decode(value, (size_t)len + 4, user, password);
	CHECK_INT(rc, len + 4);
	CHECK_INT(strlen(user), 255);
	memcpy(value + len, "dTo=", 4);
	rc = http_basic_decode(value, (size_t)len + 4, user, password);
	CHECK_INT(rc, WIRE_BAD);
}

static void
test_encode(void)
{
	char value[HTTP_BASIC_STRLEN];
	int rc;

	rc = http_basic_encode("Aladdin", "open sesame", value);
	CHECK_INT(rc, 34);
	CHECK_STR(value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
	rc = http_basic_encode("u", NULL, value);
	CHECK_INT(rc, 10);
	CHECK_STR(value, "Basic dTo=");
	rc = http_basic_encode("a:b", "", value);
	CHECK_INT(rc, WIRE_BAD);
	rc = http_basic_encode("a", "b\r\n", value);
	CHECK_INT(rc, WIRE_BAD);
}

/* No byte above 127 is one of base64, in any place. */
static void
test_decode_high(void)
{
	char user[256], password[256], value[] = "Basic OjF6";
	size_t at;
	int byte;

	for (at = 6; at < sizeof(value) - 1; at++) {
		for (byte = 128; byte < 256; byte++) {
			memcpy(value, "Basic OjF6", sizeof(value));
			value[at] = (char)byte;
			CHECK(http_basic_decode(value, sizeof(value) - 1, user,
				  password) == WIRE_BAD,
			    "byte %d at %zu", byte, at);
		}
	}
}

static const struct unit_case cases[] = {
    {"decode, bytes above 127", test_decode_high},
    {"decode", test_decode},
    {"limits", test_limits},
    {"encode", test_encode},
};

UNIT_MAIN("http_basic", cases)
