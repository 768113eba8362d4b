/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The managed identity's token: the one place that holds the secret, from the answer that brings it to the header
 * that carries it. Nobody else sees it, no text is made of it, and it is wiped when it goes. Asks nobody: the times
 * come in.
 */
#ifndef AZURE_TOKEN_H
#define AZURE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clockmap.h"
#include "util.h"

struct azure_token;

/* Holds nothing yet; NULL without memory. Free with azure_token_free. */
struct azure_token *azure_token_new(void);
void azure_token_free(struct azure_token **token);
#define _cleanup_azure_token_ CLEANUP(azure_token_free)

/*
 * Take the secret out of IMDS' answer; `bytes` are the caller's, to be wiped. Members are texts, as IMDS writes them;
 * expires_in and expires_on may be JSON numbers too, as other identity endpoints write them. The shorter of the two is
 * the life left; when neither is understood, the token is good for the moment `now` alone.
 *
 * 0, or 1 when it is the very secret that was held before, or was refused last (azure_token_refuse); -ENOMEM, or
 * -EINVAL with err filled (may be NULL), with what was held left alone.
 */
int azure_token_take(struct azure_token *token, const char *bytes, size_t len, struct clock_pair now,
		     struct parse_error *err);

/* There is one, and it has not ended. */
bool azure_token_usable(const struct azure_token *token, struct boot_time now);

/*
 * It is time to ask IMDS: there is none that is usable, or half of the life that it had when IMDS was last asked is
 * over. IMDS keeps tokens itself and gives the same one again, so the halves get smaller, down to a minute.
 */
bool azure_token_due(const struct azure_token *token, struct boot_time now);

/* IMDS was asked and gave no other: due again after half of the life left, and not before `wait_s`. */
void azure_token_defer(struct azure_token *token, struct boot_time now, uint32_t wait_s);

/* ARM does not take it: it is gone, and due at once. */
void azure_token_refuse(struct azure_token *token);

/* Seconds that it has left; 0: none that is usable. */
uint64_t azure_token_left_s(const struct azure_token *token, struct boot_time now);

/*
 * For azure_http alone, which `make check` holds to: the whole header line, allocated, or NULL without memory or token.
 * Free with azure_token_free_header, which wipes.
 */
char *azure_token_header(const struct azure_token *token);
void azure_token_free_header(char **header);

#endif
