/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A throw-away certificate authority and one server certificate, made at start. The CA's key never leaves memory
 * and is gone when tls_make returns.
 */
#ifndef EMULATOR_TLS_H
#define EMULATOR_TLS_H

struct tls_files {
	char *ca_pem;   /* the CA's certificate */
	char *cert_pem; /* the server's, for 127.0.0.1, ::1 and localhost */
	char *key_pem;
};

/* 0, or -EIO with the reason in *ret_why (static). Free with tls_free. */
int tls_make(struct tls_files *ret, const char **ret_why);
void tls_free(struct tls_files *files);

#endif
