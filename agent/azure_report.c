// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See azure_report.h.
 */
#include "azure_report.h"

#include <inttypes.h>

static void report_grant(const struct grant_set *set, const struct grant *grant, struct text *out)
{
	char source[CIDR_TEXT_MAX], protos[PROTOS_TEXT_MAX];

	cidr_format(&grant->source, source);
	text_printf(out, "{\"source\":\"%s\",\"port\":%u,\"proto\":\"%s\",\"until\":\"", source, grant->port,
		    protos_format(grant->protos, protos));
	text_rfc3339(out, grant->until);
	text_printf(out, "\",\"requestor\":");
	text_json_string(out, grant_set_text(set, grant->requestor));
	text_printf(out, ",\"justification\":");
	text_json_string(out, grant_set_text(set, grant->justification));
	text_printf(out, ",\"policy\":");
	text_json_string(out, grant_set_text(set, grant->origin));
	text_printf(out, "}");
}

static void report_refused(const struct azure_refused *refused, struct text *out)
{
	text_printf(out, "{\"why\":");
	text_json_string(out, refused->why);
	text_printf(out, ",\"port\":%u,\"source\":", refused->port);
	text_json_string(out, refused->source);
	text_printf(out, ",\"policy\":");
	text_json_string(out, refused->policy);
	text_printf(out, ",\"requestor\":");
	text_json_string(out, refused->requestor);
	text_printf(out, ",\"until\":");
	text_json_string(out, refused->until);
	text_printf(out, "}");
}

/* The comma and the new line before element `i`. */
static void report_next(size_t i, struct text *out)
{
	text_printf(out, "%s\n    ", i ? "," : "");
}

void azure_report(const struct azure_jit *jit, const char *vm_id, struct text *out)
{
	const struct snapshot *snapshot = &jit->snapshot;
	char protos[PROTOS_TEXT_MAX];

	text_printf(out, "{\n  \"vm\": ");
	text_json_string(out, vm_id);
	if (snapshot->clock_known)
		text_printf(out, ",\n  \"clock_offset_s\": %" PRId32, snapshot->clock_offset_s);
	else
		text_printf(out, ",\n  \"clock_offset_s\": null");
	text_printf(out, ",\n  \"ports\": [");
	for (size_t i = 0; i < snapshot->n_ports; i++) {
		const struct port_rule *rule = &snapshot->ports[i];

		report_next(i, out);
		text_printf(out, "{\"port\":%u,\"proto\":\"%s\",\"longest_s\":%u}", rule->port,
			    protos_format(rule->protos, protos), rule->longest_s);
	}
	text_printf(out, "%s],\n  \"grants\": [", snapshot->n_ports ? "\n  " : "");
	for (size_t i = 0; i < snapshot->grants.n; i++) {
		report_next(i, out);
		report_grant(&snapshot->grants, &snapshot->grants.grants[i], out);
	}
	text_printf(out, "%s],\n  \"refused\": [", snapshot->grants.n ? "\n  " : "");
	for (size_t i = 0; i < jit->n_refused; i++) {
		report_next(i, out);
		report_refused(&jit->refused[i], out);
	}
	text_printf(out, "%s]\n}\n", jit->n_refused ? "\n  " : "");
}
