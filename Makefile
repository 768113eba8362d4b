# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# All rules; `make help` lists the targets. Everything is built in build/VARIANT/. Make calls itself only for the
# sanitizer tree of the tests.
#
#   V=1            show commands
#   SAN=address,undefined   a sanitizer build; each choice has a tree of its own
#   STEPS=1        the variant of the crash tests (agent/step.h), in build/steps
#   WERROR=0       warnings stay warnings (packagers)
#   DESTDIR= prefix=        where `make install` puts things

SHELL := /bin/bash
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.DEFAULT_GOAL := all

# As many jobs as there are cores, unless told otherwise or started by another make.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif

VERSION := 0.1.0
SAN ?=
STEPS ?=
WERROR ?= 1
V ?= 0

# build/san is that of the tests, address,undefined, and build/fuzz that of libFuzzer; another choice has its name in that
# of its tree.
comma := ,
san_names := san-address-undefined=san san-fuzzer-address-undefined=fuzz
san_name := san-$(subst $(comma),-,$(SAN))
variant := $(if $(SAN),$(or $(patsubst $(san_name)=%,%,$(filter $(san_name)=%,$(san_names))),$(san_name)),release)
variant := $(if $(STEPS),steps,$(variant))
B := build/$(variant)

ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang
BPFTOOL ?= bpftool
PKG_CONFIG ?= pkg-config
export PATH := $(PATH):/usr/sbin:/sbin

prefix ?= /usr/local
sbindir ?= $(prefix)/sbin
bindir ?= $(prefix)/bin
mandir ?= $(prefix)/share/man
docdir ?= $(prefix)/share/doc/jitgate
sysconfdir ?= /etc
unitdir ?= $(prefix)/lib/systemd/system
sysusersdir ?= $(prefix)/lib/sysusers.d
tmpfilesdir ?= $(prefix)/lib/tmpfiles.d

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-8s %s\n' $(1) $(2);)

werror := $(if $(filter 0,$(WERROR)),,-Werror)
warnings := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef -Wvla \
	$(werror)
# No sanitizer used here sees a variable that was never set; filled with a pattern, its use does not go well by chance.
pattern_flag := -ftrivial-auto-var-init=pattern
pattern := $(if $(SAN),$(shell echo | $(CC) $(pattern_flag) -E - >/dev/null 2>&1 && echo $(pattern_flag)))
hardening := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=undefined $(pattern),-D_FORTIFY_SOURCE=2) \
	-fstack-protector-strong -fPIE
CFLAGS ?= -O2 -g
all_cflags = -std=gnu17 $(warnings) $(hardening) -D_GNU_SOURCE -DJITGATE_VERSION='"$(VERSION)"' \
	$(if $(STEPS),-DJITGATE_STEPS) -DCONF_PATH_DEFAULT='"$(conf_default)"' -Iinclude -Iagent -Ibpf -I$(B) $(CFLAGS) $(CPPFLAGS)
all_ldflags = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS)
conf_default := $(sysconfdir)/jitgate/jitgate.conf

pkg_libs = $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null)

# ---------------------------------------------------------------- sources

# CORE: pure decisions. They sit in one archive; a program pulls in what it uses.
core := apply arming audit azure_before azure_blame azure_clock azure_compute azure_id azure_jit azure_json azure_listing \
	azure_plan azure_refused azure_report azure_token azure_url \
	calendar cidr clockmap conf conf_azure conf_char conf_keys conf_lex conf_read conf_refuse conf_scan \
	conf_show conf_value connections control_req corpus corpus_chains corpus_cuts corpus_stacks corpus_table corpus_twins effect ended ended_index \
	enforcer enforcer_arm enforcer_end enforcer_open enforcer_save enforcer_take \
	explain feed_msg feed_receive flows frame grant grant_list guard guardian guardian_choose guardian_left json_member json_scan \
	knock knockers learned number opened pace reason reconcile refused report report_feed report_grants report_json \
	report_verdict selftest session show sources state takeover text timefmt uplink utf8 vf

# What is behind datapath.h: the packet program that is in force.
datapath := datapath pin_dir pinned_maps pins carry activate attach attach_tc verify_tc tcx clsact links heal verify detach gate_maps gate_flows \
	gate_counters probe_filter

jitgated_src := jitgated startup dirs daemon daemon_guardian daemon_sockets end_sockets sock_diag orders selftest_brief \
	trial trial_maps trial_read trial_case status report_build feed_server control_server listener $(datapath) lro netif netlink netif_watch ethtool \
	clock loop sandbox usock notify sysctl conf_file files log
jitgated_pkg := libbpf libconfuse zlib libcap-ng libseccomp libmnl
jitgate-azure_src := jitgate_azure feed_client azure_ask azure_http azure_list azure_poll azure_renew azure_said azure_whoami \
	clock conf_file feed_link usock sandbox notify files log
jitgate-azure_pkg := libcurl libcjson libconfuse libcap-ng libseccomp
jitgate_src := jitgate cli inquire ask caller operate offline report_interfaces report_build selftest_run gate_tags \
	trial trial_maps trial_read trial_case $(datapath) lro netif netlink ethtool sock_diag clock usock conf_file conf_here files log
jitgate_pkg := libbpf libconfuse libmnl

programs := jitgated jitgate-azure jitgate
unit_tests := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
unit_pkg := cmocka libconfuse libcjson zlib libcap-ng libseccomp
emulator_src := $(patsubst tests/emulator/%.c,%,$(wildcard tests/emulator/*.c))
emulator_pkg := libmicrohttpd libcjson gnutls zlib
probe_src := $(patsubst tests/tools/%.c,%,$(wildcard tests/tools/*.c))

# ---------------------------------------------------------------- what has to be installed

# Order-only and asked each time (it takes milliseconds): `make` names what is missing, tests and demo install it when root.
deps := CC='$(CC)' CLANG='$(CLANG)' BPFTOOL='$(BPFTOOL)' PKG_CONFIG='$(PKG_CONFIG)' tests/deps.sh
deps_do := $(if $(filter test test-% check demo fuzz bench,$(MAKECMDGOALS)),install,check)

.PHONY: deps deps-build have-build have-test have-kernel
deps: ## install what building and testing need (as root)
	@$(deps) install build test kernel fuzz
deps-build: ## install what building alone needs (as root)
	@$(deps) install build
have-build:
	@$(deps) $(deps_do) build
have-test: have-build
	@$(deps) $(deps_do) test
have-kernel: have-test
	@$(deps) $(deps_do) kernel

# ---------------------------------------------------------------- building

.PHONY: all
all: $(programs:%=$(B)/%) ## build the programs

# Objects are made anew when the flags are not those that they were made with: the default path of the config is one.
$(B)/flags: export flags_now = $(CC) $(all_cflags) $(all_ldflags) $(CLANG) $(bpf_cflags)
$(B)/flags: ask-each-time
	@mkdir -p $(@D)
	@printf '%s\n' "$$flags_now" | cmp -s - $@ || printf '%s\n' "$$flags_now" >$@
.PHONY: ask-each-time
ask-each-time:

$(B)/%.o: agent/%.c $(B)/flags | have-build
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(all_cflags) -MMD -MP -c $< -o $@

$(B)/tests/%.o: tests/%.c $(B)/flags | have-test
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(all_cflags) -Itests -MMD -MP -c $< -o $@

$(B)/libcore.a: $(core:%=$(B)/%.o)
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $^

define program
$(B)/$(1): $$($(1)_src:%=$(B)/%.o) $(B)/libcore.a
	$$(call say,LINK,$$@)$$(CC) $$(all_cflags) $$(all_ldflags) $$^ $$(call pkg_libs,$$($(1)_pkg)) -o $$@
endef
$(foreach p,$(programs),$(eval $(call program,$(p))))

# The packet program. UAPI headers only; the multiarch folder holds asm/.
multiarch = $(shell $(CC) -print-multiarch 2>/dev/null)
bpf_cflags = -target bpf -mcpu=v2 -O2 -g -Wall -Wextra $(werror) -Iinclude -Ibpf \
	$(if $(multiarch),-I/usr/include/$(multiarch))

$(B)/%.bpf.o: bpf/%.bpf.c $(B)/flags | have-build
	@mkdir -p $(@D)
	$(call say,BPF,$@)$(CLANG) $(bpf_cflags) -MMD -MP -c $< -o $@

$(B)/%.skel.h: $(B)/%.bpf.o
	$(call say,SKEL,$@)$(BPFTOOL) gen skeleton $< name $(notdir $*)_bpf > $@

$(B)/end_sockets.o: | $(B)/end_sockets.skel.h
$(datapath:%=$(B)/%.o) $(B)/gate_tags.o $(B)/trial.o: | $(B)/gate.skel.h

# ---------------------------------------------------------------- test programs

$(B)/unit/%: $(B)/tests/unit/%.o $(B)/libcore.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(all_cflags) $(all_ldflags) $(filter %.o,$^) $(filter %.a,$^) $(call pkg_libs,$(unit_pkg)) -o $@

# test_X of a file that is not CORE has X.o besides.
edge_tested := $(filter-out $(core),$(patsubst agent/%.c,%,$(wildcard $(unit_tests:test_%=agent/%.c))))
$(foreach t,$(edge_tested),$(eval $(B)/unit/test_$(t): $(B)/$(t).o))
$(B)/unit/test_ask: $(B)/usock.o
$(B)/unit/test_caller: $(B)/files.o
$(B)/unit/test_azure_poll: $(addprefix $(B)/,azure_ask.o azure_list.o azure_renew.o azure_whoami.o clock.o log.o)
$(B)/unit/test_lro: $(addprefix $(B)/,ethtool.o netif.o netlink.o)
$(B)/unit/test_lro: unit_pkg += libmnl
$(B)/unit/test_feed_link: $(B)/usock.o
$(B)/unit/test_control_server: $(B)/clock.o $(B)/listener.o $(B)/log.o $(B)/loop.o $(B)/usock.o

# Of the code that it is there to judge it has nothing: no libcore.
$(B)/emulator: $(emulator_src:%=$(B)/tests/emulator/%.o)
	$(call say,LINK,$@)$(CC) $(all_cflags) $(all_ldflags) $^ $(call pkg_libs,$(emulator_pkg)) -o $@

# The frames of the packet tests, sent over a link.
$(B)/probe: $(probe_src:%=$(B)/tests/tools/%.o) $(B)/libcore.a
	$(call say,LINK,$@)$(CC) $(all_cflags) $(all_ldflags) $^ $(call pkg_libs,zlib) -o $@

# ---------------------------------------------------------------- the rest

include tests/tests.mk
-include tests/packet.mk tests/referee.mk tests/fuzz.mk tests/bench.mk packaging/install.mk

.PHONY: help clean
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(filter-out %.d,$(MAKEFILE_LIST))

clean: ## remove everything that was built
	rm -rf build

-include $(wildcard $(B)/*.d $(B)/tests/*/*.d)
