#ifndef WIRE_HTTP_BASIC_H
#define WIRE_HTTP_BASIC_H

#include "wire/wire.h"

/*
 * The credentials of a Proxy-Authorization, RFC 7617, as UTF-8: "Basic" and
 * the base64 of user ":" password, neither with control characters nor of more
 * than 255 bytes; the user is without a colon.  For wire/http_*.c alone.
 */
#define HTTP_BASIC_MAX	  511 /* user ":" password */
#define HTTP_BASIC_STRLEN (6 + (HTTP_BASIC_MAX + 2) / 3 * 4 + 1)

/* The length of a field's value that was decoded, 0 when it is empty or of
 * another scheme, or WIRE_BAD.  Sets user and password only when positive. */
int http_basic_decode(
    const char *value, size_t len, char user[256], char password[256]);

/* Ends with a NUL that the length is without.  password NULL: empty. */
int http_basic_encode(
    const char *user, const char *password, char out[HTTP_BASIC_STRLEN]);

#endif
