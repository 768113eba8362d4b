// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See azure_id.h. What is taken here becomes part of addresses and log lines, so that no part may be empty, a
 * step up or hold control characters.
 */
#include "azure_id.h"

#include <errno.h>
#include <string.h>

#define SEGMENTS_MAX 16

static unsigned char lower(char ch)
{
	return (unsigned char)(ch >= 'A' && ch <= 'Z' ? ch + ('a' - 'A') : ch);
}

int azure_id_compare(const char *a, const char *b)
{
	while (*a && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return lower(*a) - lower(*b);
}

bool azure_id_equal(const char *a, const char *b)
{
	return azure_id_compare(a, b) == 0;
}

/* ---------------------------------------------------------------- segments */

/* The text between two slashes. */
struct segment {
	const char *at;
	size_t len;
};

/* How many there are; more than `max` when they are not all in *segments. Of a text that begins with none: 0. */
static size_t split_id(const char *id, struct segment *segments, size_t max)
{
	size_t n = 0;

	while (*id == '/' && n < max) {
		segments[n].at = ++id;
		segments[n].len = strcspn(id, "/");
		id += segments[n++].len;
	}
	return n == max && *id ? max + 1 : n;
}

static char *copy_segment(const struct segment *segment)
{
	return strndup(segment->at, segment->len);
}

static bool segment_is(const struct segment *segment, const char *word)
{
	char copy[32];

	if (!segment->len || segment->len >= sizeof(copy))
		return !segment->len && !*word;
	memcpy(copy, segment->at, segment->len);
	copy[segment->len] = '\0';
	return azure_id_equal(copy, word);
}

/* Not empty, no control character, no step up. */
static bool is_plain(const struct segment *segment)
{
	if (segment_is(segment, ".") || segment_is(segment, ".."))
		return false;
	for (size_t i = 0; i < segment->len; i++) {
		if ((unsigned char)segment->at[i] < 0x20 || segment->at[i] == 0x7f)
			return false;
	}
	return segment->len > 0;
}

/* The first n segments are plain and the words that are given, NULL standing for any. */
static bool segments_are(const struct segment *segments, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!is_plain(&segments[i]) || (words[i] && !segment_is(&segments[i], words[i])))
			return false;
	}
	return true;
}

/* ---------------------------------------------------------------- the VM */

void azure_vm_free(struct azure_vm *vm)
{
	free(vm->id);
	free(vm->subscription);
	free(vm->group);
	free(vm->name);
	free(vm->region);
	*vm = (struct azure_vm){0};
}

/* "West Europe" and "WestEurope" are westeurope. What holds anything but letters and digits is no region: "". */
static char *normalise_region(const char *location)
{
	char *region = calloc(1, strlen(location) + 1);
	size_t n = 0;

	for (const char *p = location; region && *p; p++) {
		char ch = (char)lower(*p);

		if (ch == ' ')
			continue;
		if (!(ch >= 'a' && ch <= 'z') && !(ch >= '0' && ch <= '9')) {
			region[0] = '\0';
			return region;
		}
		region[n++] = ch;
	}
	if (region)
		region[n] = '\0';
	return region;
}

int azure_vm_parse(const char *resource_id, const char *location, struct azure_vm *ret, struct parse_error *err)
{
	static const char *const words[] = {
		"subscriptions", NULL, "resourceGroups", NULL, "providers", "Microsoft.Compute", NULL, NULL};
	struct segment s[SEGMENTS_MAX];
	size_t n = split_id(resource_id, s, ARRAY_SIZE(s));
	struct azure_vm vm;

	if (n < ARRAY_SIZE(words) || !segments_are(s, words, ARRAY_SIZE(words)))
		return parse_fail(err, 0, "not the resource id of a VM");
	if (segment_is(&s[6], "virtualMachineScaleSets"))
		return parse_fail(err, 0, "an instance of a scale set: just-in-time access knows VMs only");
	if (n != ARRAY_SIZE(words) || !segment_is(&s[6], "virtualMachines"))
		return parse_fail(err, 0, "not the resource id of a VM");
	vm = (struct azure_vm){
		.id = strdup(resource_id),
		.subscription = copy_segment(&s[1]),
		.group = copy_segment(&s[3]),
		.name = copy_segment(&s[7]),
		.region = normalise_region(location),
	};
	if (!vm.id || !vm.subscription || !vm.group || !vm.name || !vm.region) {
		azure_vm_free(&vm);
		return -ENOMEM;
	}
	*ret = vm;
	return 0;
}

/* ---------------------------------------------------------------- where policies are */

void azure_scope_free(struct azure_scope *scope)
{
	free(scope->subscription);
	free(scope->group);
	free(scope->region);
	free(scope->name);
	*scope = (struct azure_scope){0};
}

int azure_scope_parse(const char *id, struct azure_scope *ret, struct parse_error *err)
{
	static const char *const words[] = {
		"subscriptions", NULL, "resourceGroups",           NULL, "providers", "Microsoft.Security",
		"locations",     NULL, "jitNetworkAccessPolicies", NULL};
	struct segment s[SEGMENTS_MAX];
	size_t n = split_id(id, s, ARRAY_SIZE(s));
	bool group = n >= 4, policy = n == ARRAY_SIZE(words);
	struct azure_scope scope;

	if ((n != 2 && n != 4 && !policy) || !segments_are(s, words, n))
		return parse_fail(err, 0, "not the id of a subscription, a resource group or a JIT policy");
	scope = (struct azure_scope){
		.subscription = copy_segment(&s[1]),
		.group = group ? copy_segment(&s[3]) : NULL,
		.region = policy ? copy_segment(&s[7]) : NULL,
		.name = policy ? copy_segment(&s[9]) : NULL,
	};
	if (!scope.subscription || (group && !scope.group) || (policy && (!scope.region || !scope.name))) {
		azure_scope_free(&scope);
		return -ENOMEM;
	}
	*ret = scope;
	return 0;
}

int azure_scope_of_vm(const struct azure_vm *vm, struct azure_scope *ret)
{
	struct azure_scope scope = {.subscription = strdup(vm->subscription), .group = strdup(vm->group)};

	if (!scope.subscription || !scope.group) {
		azure_scope_free(&scope);
		return -ENOMEM;
	}
	*ret = scope;
	return 0;
}

static bool part_equal(const char *a, const char *b)
{
	return a && b ? azure_id_equal(a, b) : !a && !b;
}

bool azure_scope_equal(const struct azure_scope *a, const struct azure_scope *b)
{
	return part_equal(a->subscription, b->subscription) && part_equal(a->group, b->group) &&
	       part_equal(a->region, b->region) && part_equal(a->name, b->name);
}
