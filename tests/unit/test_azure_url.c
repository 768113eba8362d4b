// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Ids, addresses and clouds: what is taken, and whom the token may be sent to.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "azure_url.h"

static void vm_ids_are_taken_apart_and_scale_sets_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"/",
		"web-1",
		"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines",
		"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/",
		"/subscriptions//resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v",
		"/subscriptions/s/resourceGroups/../providers/Microsoft.Compute/virtualMachines/v",
		"/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualMachines/v",
		"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v/extensions/e",
		"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/x/"
		"virtualMachines/0",
		"x/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v",
		"/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a",
	};
	struct azure_vm vm = {0};

	(void)state;
	assert_int_equal(azure_vm_parse("/SUBSCRIPTIONS/s/resourcegroups/a (b)ä/providers/microsoft.compute/"
					"VirtualMachines/v",
					"West Europe", &vm, NULL),
			 0);
	assert_string_equal(vm.subscription, "s");
	assert_string_equal(vm.group, "a (b)ä");
	assert_string_equal(vm.name, "v");
	assert_string_equal(vm.region, "westeurope");
	azure_vm_free(&vm);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (azure_vm_parse(bad[i], "", &vm, NULL) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
	}
}

static void the_token_url_carries_the_identity_encoded(void **state)
{
	_cleanup_text_ struct text system = {0}, user = {0}, client = {0}, object = {0};

	(void)state;
	azure_url_token(&system, "http://169.254.169.254", "https://management.azure.com/", "");
	assert_string_equal(system.data, "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01"
					 "&resource=https%3A%2F%2Fmanagement.azure.com%2F");
	azure_url_token(&client, "http://x", "https://y/", "client_id=0f-1");
	assert_string_equal(client.data, "http://x/metadata/identity/oauth2/token?api-version=2018-02-01"
					 "&resource=https%3A%2F%2Fy%2F&client_id=0f-1");
	azure_url_token(&object, "http://x", "https://y/", "object_id=0f-2");
	assert_string_equal(object.data, "http://x/metadata/identity/oauth2/token?api-version=2018-02-01"
					 "&resource=https%3A%2F%2Fy%2F&object_id=0f-2");
	azure_url_token(&user, "http://127.0.0.1:8080/", "https://management.azure.com/",
			"resource_id=/subscriptions/s/x&resource=evil");
	assert_string_equal(user.data, "http://127.0.0.1:8080/metadata/identity/oauth2/token?api-version=2018-02-01"
				       "&resource=https%3A%2F%2Fmanagement.azure.com%2F"
				       "&msi_res_id=%2Fsubscriptions%2Fs%2Fx%26resource%3Devil");
}

static void regions_are_written_as_arm_writes_them(void **state)
{
	static const struct {
		const char *location, *region;
	} cases[] = {
		{"westeurope", "westeurope"},
		{"West Europe", "westeurope"},
		{"EASTUS2", "eastus2"},
		{" ", ""},
		{"", ""},
		{"west/europe", ""},
		{"..", ""},
		{"wésteurope", ""},
		{"west\neurope", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct azure_vm vm = {0};

		assert_int_equal(azure_vm_parse("/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/"
						"virtualMachines/v",
						cases[i].location, &vm, NULL),
				 0);
		assert_string_equal(vm.region, cases[i].region);
		azure_vm_free(&vm);
	}
}

#define LIST "https://a/subscriptions/s/resourceGroups/"
#define JIT "/jitNetworkAccessPolicies"

static void each_place_of_policies_has_its_address(void **state)
{
	static const struct {
		const char *id, *region, *url;
	} cases[] = {
		{"/subscriptions/s", NULL,
		 "https://a/subscriptions/s/providers/Microsoft.Security" JIT "?api-version=2020-01-01"},
		{"/Subscriptions/s", "westus",
		 "https://a/subscriptions/s/providers/Microsoft.Security/locations/westus" JIT
		 "?api-version=2020-01-01"},
		{"/subscriptions/s/RESOURCEGROUPS/G (x)ä", NULL,
		 LIST "G%20%28x%29%C3%A4/providers/Microsoft.Security" JIT "?api-version=2020-01-01"},
		{"/subscriptions/s/resourcegroups/g", "westus",
		 LIST "g/providers/Microsoft.Security/locations/westus" JIT "?api-version=2020-01-01"},
		{"/subscriptions/s/resourceGroups/g/providers/microsoft.security/Locations/eastus/"
		 "jitnetworkaccesspolicies/"
		 "default",
		 "westus",
		 LIST "g/providers/Microsoft.Security/locations/eastus" JIT "/default?api-version=2020-01-01"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_text_ struct text url = {0};
		struct azure_scope scope;

		assert_int_equal(azure_scope_parse(cases[i].id, &scope, NULL), 0);
		azure_url_policies(&url, "https://a/", &scope, cases[i].region);
		assert_string_equal(url.data, cases[i].url);
		azure_scope_free(&scope);
	}
}

static void what_is_no_place_of_policies_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"/",
		"s",
		"/subscriptions",
		"/subscriptions/",
		"/subscriptions/s/",
		"subscriptions/s",
		"/subscription/s",
		"/subscriptions/../resourceGroups/g",
		"/subscriptions/s/resourceGroups",
		"/subscriptions/s/resourceGroups/",
		"/subscriptions/s/resourceGroups/g/",
		"/subscriptions/s/groups/g",
		"/subscriptions/s/resourceGroups/g/providers/Microsoft.Security",
		"/subscriptions/s/resourceGroups/g/providers/Microsoft.Security/jitNetworkAccessPolicies",
		"/subscriptions/s/resourceGroups/g/providers/Microsoft.Security/locations/l/jitNetworkAccessPolicies",
		"/subscriptions/s/resourceGroups/g/providers/Microsoft.Security/locations/l/jitNetworkAccessPolicies/",
		"/subscriptions/s/resourceGroups/g/providers/Microsoft.Security/locations/l/jitNetworkAccessPolicies/n/"
		"x",
		"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/locations/l/jitNetworkAccessPolicies/n",
		"/subscriptions/s/resourceGroups/g/providers/Microsoft.Security/locations//jitNetworkAccessPolicies/n",
		"/subscriptions/s/resourceGroups/g\n/providers/Microsoft.Security/locations/l/jitNetworkAccessPolicies/"
		"n",
		"/subscriptions/s/providers/Microsoft.Security/locations/l/jitNetworkAccessPolicies",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct azure_scope scope;

		if (azure_scope_parse(bad[i], &scope, NULL) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
	}
}

static void ids_are_one_order_whatever_their_case(void **state)
{
	(void)state;
	assert_true(azure_id_equal("/A/b", "/a/B"));
	assert_false(azure_id_equal("/a", "/a/"));
	assert_false(azure_id_equal("/a/", "/a"));
	assert_true(azure_id_compare("/A", "/b") < 0 && azure_id_compare("/b", "/A") > 0);
	assert_true(azure_id_compare("/a", "/a/") < 0);
	/* Only letters of ASCII have two cases. */
	assert_false(azure_id_equal("/\xc3\xa4", "/\xc3\x84"));
	assert_false(azure_id_equal("@", "`"));
}

/* The whole table: what IMDS calls it, what the config calls it, where it is, what its tokens are for. */
static void every_cloud_is_found_by_either_name_in_any_case(void **state)
{
	static const struct {
		const char *environment, *shouted, *name, *arm, *audience;
	} rows[] = {
		{"AzurePublicCloud", "AZUREPUBLICCLOUD", "public", "https://management.azure.com",
		 "https://management.azure.com/"},
		{"AzureUSGovernmentCloud", "AZUREUSGOVERNMENTCLOUD", "usgov", "https://management.usgovcloudapi.net",
		 "https://management.usgovcloudapi.net/"},
		{"AzureChinaCloud", "AZURECHINACLOUD", "china", "https://management.chinacloudapi.cn",
		 "https://management.chinacloudapi.cn/"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct azure_cloud *cloud = azure_cloud_find(rows[i].environment);

		assert_non_null(cloud);
		assert_ptr_equal(cloud, azure_cloud_find(rows[i].shouted));
		assert_ptr_equal(cloud, azure_cloud_find(rows[i].name));
		assert_string_equal(cloud->arm, rows[i].arm);
		assert_string_equal(cloud->audience, rows[i].audience);
	}
	/* Closed, on premises, and not said. */
	assert_null(azure_cloud_find("AzureGermanCloud"));
	assert_null(azure_cloud_find("AzureStack"));
	assert_null(azure_cloud_find(""));
}

static void the_token_follows_only_links_on_its_own_origin(void **state)
{
	static const struct {
		const char *endpoint, *link;
		bool same;
	} cases[] = {
		{"https://management.azure.com", "https://management.azure.com/subscriptions?x=%20", true},
		{"https://management.azure.com/", "HTTPS://Management.Azure.Com/a", true},
		{"https://management.azure.com", "https://management.azure.com:443/a", true},
		{"https://127.0.0.1:8443", "https://127.0.0.1:8443/a?b", true},
		{"https://[::1]:8443", "https://[::1]:8443/a", true},
		{"https://[::1]", "https://[::1]:443/a", true},
		{"http://127.0.0.1", "http://127.0.0.1:80/a", true},
		{"https://management.azure.com", "https://management.azure.com", false},
		{"https://management.azure.com", "https://management.azure.com:444/a", false},
		{"https://management.azure.com", "https://management.azure.com:4430/a", false},
		{"https://management.azure.com", "http://management.azure.com/a", false},
		{"https://management.azure.com", "https://management.azure.com.evil.example/a", false},
		{"https://management.azure.com", "https://management.azure.com@evil.example/a", false},
		{"https://management.azure.com", "https://management.azure.com:443@evil.example/a", false},
		{"https://management.azure.com", "https://management.azure.com\\@evil.example/a", false},
		{"https://management.azure.com", "https://management.azure.com/\\evil.example", false},
		{"https://management.azure.com", "https://management.azure.com/a\r\nHost: evil.example", false},
		{"https://management.azure.com", "https://management.azure.com/a b", false},
		{"https://management.azure.com", "https://management.azure.co/a", false},
		{"https://management.azure.com", "//management.azure.com/a", false},
		{"https://management.azure.com", "/a", false},
		{"https://management.azure.com", "", false},
		{"https://127.0.0.1:8443", "https://127.0.0.1:84430/a", false},
		{"https://127.0.0.1:8443", "https://127.0.0.1:443/a", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (azure_url_same_origin(cases[i].endpoint, cases[i].link) != cases[i].same)
			fail_msg("%s and %s", cases[i].endpoint, cases[i].link);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vm_ids_are_taken_apart_and_scale_sets_are_refused),
		cmocka_unit_test(the_token_url_carries_the_identity_encoded),
		cmocka_unit_test(regions_are_written_as_arm_writes_them),
		cmocka_unit_test(each_place_of_policies_has_its_address),
		cmocka_unit_test(what_is_no_place_of_policies_is_refused),
		cmocka_unit_test(ids_are_one_order_whatever_their_case),
		cmocka_unit_test(every_cloud_is_found_by_either_name_in_any_case),
		cmocka_unit_test(the_token_follows_only_links_on_its_own_origin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
