/* Owns the coding of Basic credentials; must not judge them. */
#include "wire/http_basic.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <sodium.h>

static const char scheme[] = "Basic ";

#define SCHEME_LEN (sizeof(scheme) - 1)

static bool
is_text(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if ((uint8_t)text[i] < ' ' || text[i] == 0x7f)
			return false;
	}
	return true;
}

static int
split(const char *text, size_t len, char user[256], char password[256])
{
	const char *colon = memchr(text, ':', len);
	size_t user_len, password_len;

	if (colon == NULL || !is_text(text, len))
		return WIRE_BAD;
	user_len = (size_t)(colon - text);
	password_len = len - user_len - 1;
	if (user_len > 255 || password_len > 255)
		return WIRE_BAD;
	memcpy(user, text, user_len);
	user[user_len] = '\0';
	memcpy(password, colon + 1, password_len);
	password[password_len] = '\0';
	return 0;
}

/* libsodium 1.0.18 takes some bytes above 127 for letters of base64. */
static bool
is_ascii(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if ((unsigned char)text[i] > 127)
			return false;
	}
	return true;
}

int
http_basic_decode(
    const char *value, size_t len, char user[256], char password[256])
{
	uint8_t text[HTTP_BASIC_MAX];
	size_t text_len, skip = SCHEME_LEN;
	int rc = WIRE_BAD;

	if (len < SCHEME_LEN || strncasecmp(value, scheme, SCHEME_LEN) != 0)
		return 0;
	while (skip < len && value[skip] == ' ')
		skip++;
	if (is_ascii(value, len) &&
	    sodium_base642bin(text, sizeof(text), value + skip, len - skip,
		NULL, &text_len, NULL, sodium_base64_VARIANT_ORIGINAL) == 0)
		rc = split((const char *)text, text_len, user, password);
	sodium_memzero(text, sizeof(text));
	return rc == 0 ? (int)len : WIRE_BAD;
}

int
http_basic_encode(
    const char *user, const char *password, char out[HTTP_BASIC_STRLEN])
{
	char text[HTTP_BASIC_MAX + 1];
	size_t len;

	if (password == NULL)
		password = "";
	if (strlen(user) > 255 || strlen(password) > 255 ||
	    strchr(user, ':') != NULL)
		return WIRE_BAD;
	snprintf(text, sizeof(text), "%s:%s", user, password);
	len = strlen(text);
	if (!is_text(text, len)) {
		sodium_memzero(text, sizeof(text));
		return WIRE_BAD;
	}
	memcpy(out, scheme, SCHEME_LEN);
	sodium_bin2base64(out + SCHEME_LEN, HTTP_BASIC_STRLEN - SCHEME_LEN,
	    (const uint8_t *)text, len, sodium_base64_VARIANT_ORIGINAL);
	sodium_memzero(text, sizeof(text));
	return (int)strlen(out);
}
