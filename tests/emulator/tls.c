// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The throw-away certificate authority. Writes no files.
 */
#include "tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <time.h>

#include "http_util.h"
#include "util.h"

#define LIFE_S (30 * 24 * 3600)

static void free_crt(gnutls_x509_crt_t *crt)
{
	if (*crt)
		gnutls_x509_crt_deinit(*crt);
}

static void free_key(gnutls_x509_privkey_t *key)
{
	if (*key)
		gnutls_x509_privkey_deinit(*key);
}

static void free_datum(gnutls_datum_t *datum)
{
	gnutls_free(datum->data);
}

static int make_key(gnutls_x509_privkey_t *ret)
{
	gnutls_x509_privkey_t key;
	int r = gnutls_x509_privkey_init(&key);

	if (r < 0)
		return r;
	r = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	if (r < 0)
		gnutls_x509_privkey_deinit(key);
	else
		*ret = key;
	return r;
}

/* What both certificates have: names, times, number, key identifiers. */
static int fill_common(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const char *dn)
{
	uint8_t id[20];
	size_t id_len = sizeof(id);
	char serial[17];
	int r = gnutls_x509_crt_set_version(crt, 3);

	random_hex(serial, 8);
	serial[0] = '1'; /* positive, not zero */
	if (r >= 0)
		r = gnutls_x509_crt_set_dn(crt, dn, NULL);
	if (r >= 0)
		r = gnutls_x509_crt_set_key(crt, key);
	if (r >= 0)
		r = gnutls_x509_crt_set_serial(crt, serial, 8);
	if (r >= 0)
		r = gnutls_x509_crt_set_activation_time(crt, time(NULL) - 3600);
	if (r >= 0)
		r = gnutls_x509_crt_set_expiration_time(crt, time(NULL) + LIFE_S);
	if (r >= 0)
		r = gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA1, id, &id_len);
	if (r >= 0)
		r = gnutls_x509_crt_set_subject_key_id(crt, id, id_len);
	return r;
}

static int make_ca(gnutls_x509_privkey_t key, gnutls_x509_crt_t *ret)
{
	CLEANUP(free_crt) gnutls_x509_crt_t crt = NULL;
	int r = gnutls_x509_crt_init(&crt);

	if (r >= 0)
		r = fill_common(crt, key, "CN=jitgate emulator throw-away CA");
	if (r >= 0)
		r = gnutls_x509_crt_set_basic_constraints(crt, 1, 0);
	if (r >= 0)
		r = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
	if (r >= 0)
		r = gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
	if (r >= 0)
		*ret = TAKE_PTR(crt);
	return r;
}

static int add_names(gnutls_x509_crt_t crt)
{
	struct in6_addr six = IN6ADDR_LOOPBACK_INIT;
	struct in_addr four = {.s_addr = htonl(INADDR_LOOPBACK)};
	int r = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "localhost", 9, GNUTLS_FSAN_SET);

	if (r >= 0)
		r = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, &four, sizeof(four),
							 GNUTLS_FSAN_APPEND);
	if (r >= 0)
		r = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, &six, sizeof(six),
							 GNUTLS_FSAN_APPEND);
	return r;
}

/* Some verifiers insist on the chain of key identifiers. */
static int set_authority_id(gnutls_x509_crt_t crt, gnutls_x509_crt_t ca)
{
	uint8_t id[20];
	size_t id_len = sizeof(id);
	int r = gnutls_x509_crt_get_subject_key_id(ca, id, &id_len, NULL);

	return r < 0 ? r : gnutls_x509_crt_set_authority_key_id(crt, id, id_len);
}

static int make_server(gnutls_x509_privkey_t key, gnutls_x509_crt_t ca, gnutls_x509_privkey_t ca_key,
		       gnutls_x509_crt_t *ret)
{
	CLEANUP(free_crt) gnutls_x509_crt_t crt = NULL;
	int r = gnutls_x509_crt_init(&crt);

	if (r >= 0)
		r = fill_common(crt, key, "CN=localhost");
	if (r >= 0)
		r = gnutls_x509_crt_set_basic_constraints(crt, 0, -1);
	if (r >= 0)
		r = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
	if (r >= 0)
		r = gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
	if (r >= 0)
		r = add_names(crt);
	if (r >= 0)
		r = set_authority_id(crt, ca);
	if (r >= 0)
		r = gnutls_x509_crt_sign2(crt, ca, ca_key, GNUTLS_DIG_SHA256, 0);
	if (r >= 0)
		*ret = TAKE_PTR(crt);
	return r;
}

static int export_crt(gnutls_x509_crt_t crt, char **ret)
{
	CLEANUP(free_datum) gnutls_datum_t pem = {0};
	int r = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem);

	if (r >= 0)
		*ret = must_printf("%.*s", (int)pem.size, (const char *)pem.data);
	return r;
}

static int export_key(gnutls_x509_privkey_t key, char **ret)
{
	CLEANUP(free_datum) gnutls_datum_t pem = {0};
	int r = gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem);

	if (r >= 0)
		*ret = must_printf("%.*s", (int)pem.size, (const char *)pem.data);
	return r;
}

static int make_all(struct tls_files *files)
{
	CLEANUP(free_key) gnutls_x509_privkey_t ca_key = NULL, key = NULL;
	CLEANUP(free_crt) gnutls_x509_crt_t ca = NULL, crt = NULL;
	int r = make_key(&ca_key);

	if (r >= 0)
		r = make_key(&key);
	if (r >= 0)
		r = make_ca(ca_key, &ca);
	if (r >= 0)
		r = make_server(key, ca, ca_key, &crt);
	if (r >= 0)
		r = export_crt(ca, &files->ca_pem);
	if (r >= 0)
		r = export_crt(crt, &files->cert_pem);
	if (r >= 0)
		r = export_key(key, &files->key_pem);
	return r;
}

int tls_make(struct tls_files *ret, const char **ret_why)
{
	struct tls_files files = {0};
	int r = make_all(&files);

	if (r < 0) {
		tls_free(&files);
		*ret_why = gnutls_strerror(r);
		return -EIO;
	}
	*ret = files;
	return 0;
}

void tls_free(struct tls_files *files)
{
	free(files->ca_pem);
	free(files->cert_pem);
	free(files->key_pem);
	*files = (struct tls_files){0};
}
