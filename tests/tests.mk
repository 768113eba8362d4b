# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The test levels. Each is a list of entries for tests/run, 'label: command'; REQUIRE_ALL=1 makes a skip a failure.

c_files := $(wildcard agent/*.[ch] bpf/*.[ch] include/*.h tests/*.h tests/*/*.[ch])

# What measures time or the load of the machine runs alone; all else beside each other, for most of it waits.
alone := deadline limits upgrade
# What builds variants of the programs, or tries thousands of frames under sanitizers, takes longer.
long_s := 900
long := conflict knock_to_open mutants selftest selftest_mutant upgrade upgrade_abi

# (label, name of the program, how it runs, command)
entry = '$(1)/$(2)$(if $(filter $(long),$(2)), @$(long_s))$(3): $(strip $(4))'
# (label, programs, environment). Those that run alone come first, then those that take longest.
name_of = $(basename $(notdir $(1)))
named = $(foreach t,$(2),$(if $(filter $(1),$(call name_of,$(t))),$(t)))
not_named = $(foreach t,$(2),$(if $(filter $(1),$(call name_of,$(t))),,$(t)))
beside = $(call named,$(long),$(call not_named,$(alone),$(1))) $(call not_named,$(alone) $(long),$(1))
entries = $(foreach t,$(call named,$(alone),$(2)),$(call entry,$(1),$(call name_of,$(t)),,$(3) $(t))) \
	$(foreach t,$(call beside,$(2)),$(call entry,$(1),$(call name_of,$(t)), &,$(3) $(t)))
# The same, each beside the others and with so many seconds: (label, programs, environment, seconds).
entries_beside = $(foreach t,$(2),'$(1)/$(call name_of,$(t)) @$(4) &: $(strip $(3) $(t))')

# Each *.sh is a test program; what they source ends in .bash.
programs_in = $(filter-out %/demo.sh,$(sort $(wildcard $(1)/*.sh)))
mutants := $(wildcard tests/packet/mutants.sh)

check = '\# check: how the tree is written, layers, ABI' \
	$(call entries,check,$(call programs_in,tests/check))
unit = '\# unit: pure code natively, under ASan and UBSan' \
	$(call entries,unit,$(unit_tests:%=build/san/unit/%)) \
	'\# fuzz: the inputs that are kept of the fuzzers' \
	$(foreach f,$(fuzzers),'fuzz/$(f) &: build/san/fuzz/$(f) tests/fuzz/corpus/$(f)')
packet = '\# packet: the verdict table by BPF_PROG_RUN, and proof that each line is needed' \
	$(call entries,packet,build/release/packet_test build/release/trie_test $(mutants))
sim = '\# sim: the enforcer with a fake clock, data path and feed, under ASan and UBSan; fleets that ask Azure for a week' \
	'sim/pace_sim &: build/release/pace_sim --check docs/azure.md' \
	'sim/sim_test &: build/san/sim_test'
emulator = '\# emulator: the server that stands in for Azure' \
	$(call entries,emulator,$(call programs_in,tests/emulator),JITGATE_BUILD=build/release)
e2e = '\# e2e: real daemons, real TCP, the emulator over TLS' \
	$(call entries,e2e,$(call programs_in,tests/e2e),JITGATE_BUILD=build/release) \
	'e2e/demo: tests/e2e/demo.sh >&2 && printf "1..1\nok 1 - make demo\n"' \
	'\# e2e-san: the same, daemons under ASan and UBSan' \
	$(call entries,e2e-san,$(call programs_in,tests/e2e),JITGATE_BUILD=build/san)

crash = '\# crash: killed at every step, and every call failing once: nothing opens, nobody is locked out, all heals' \
	$(call entries_beside,crash,$(call programs_in,tests/crash),JITGATE_BUILD=build/steps,900)

# In `make test` as many frames as seconds allow; `make test-referee` plays for longer.
FRAMES ?= $(if $(filter test-referee,$(MAKECMDGOALS)),1000000,100000)
referee = '\# referee: the kernel delivers nothing to a closed port, of a seeded stream of frames' \
	'referee/referee @7200: JITGATE_BUILD=build/release FRAMES=$(FRAMES) SEED=$(SEED) TRAIN=$(TRAIN) \
	tests/referee/referee.sh'

# The kernels we name, each by the Debian release that has it.
kernels := 5.10=bullseye 6.1=bookworm 6.12=trixie
kernel = '\# kernel: packet tests and the main case on other kernels, emulated; the main case on this one' \
	'kernel/run @1800: JITGATE_BUILD=build/release JITGATE_KERNEL_LIMIT_S=1200 tests/kernel/run.sh $(kernels) host'

levels := check unit packet sim emulator e2e crash referee kernel
run = CC='$(CC)' CLANG='$(CLANG)' BPFTOOL='$(BPFTOOL)' JITGATE_CORE='$(core)' JITGATE_VERSION='$(VERSION)' tests/run

# What has to be built in build/release for a level, and in build/san (make calls itself, once, for that tree).
needs_check := all variants $(B)/unit/test_files $(B)/traffic.skel.h
needs_packet := $(B)/packet_test $(B)/trie_test
needs_emulator := all emulator
needs_e2e := all emulator probe variants
needs_sim := $(B)/pace_sim
needs_referee := all emulator probe referee
needs_kernel := all emulator probe $(B)/packet_test $(B)/trie_test
needs_crash := steps-tree
san_needs_unit := unit-tests fuzz-programs
san_needs_sim := build/san/sim_test
san_needs_e2e := all emulator probe variants

asked := $(if $(filter test,$(MAKECMDGOALS)),$(levels),$(patsubst test-%,%,$(filter test-%,$(MAKECMDGOALS))))
san_goals := $(sort $(foreach l,$(asked),$(san_needs_$(l))))

.PHONY: test check $(levels:%=test-%) san-tree steps-tree unit-tests emulator probe variants demo format
san-tree: have-test
	$(if $(san_goals),@$(MAKE) --no-print-directory SAN=address$(comma)undefined $(san_goals))

# The variant in which a crash test sees every step; see agent/step.h.
steps-tree: have-test
	@$(MAKE) --no-print-directory STEPS=1 all emulator probe

emulator: $(B)/emulator
probe: $(B)/probe $(B)/neighbour.bpf.o
variants: $(B)/jitgated-old-kernel $(B)/jitgate-azure-attack
unit-tests: $(unit_tests:%=$(B)/unit/%)

test: have-kernel $(sort $(foreach l,$(levels),$(needs_$(l)))) san-tree ## run all tests, and end with how many passed
	@$(run) $(foreach l,$(levels),$($(l)))

check: test-check ## format, layers, ABI, linters
test-unit: ## unit tests, under ASan and UBSan
test-packet: ## verdict table by BPF_PROG_RUN (root)
test-sim: ## the enforcer against a fake clock and data path
test-emulator: ## the Azure stand-in
test-e2e: ## real daemons and packets in network namespaces (root)
test-crash: ## jitgated killed at every step of its life, and its calls failing (root)
test-kernel: have-kernel ## packet tests and the main case on kernels 5.10, 6.1, 6.12, in qemu

define level
test-$(1): have-test $(needs_$(1)) $(if $(san_needs_$(1)),san-tree)
	@$$(run) $$($(1))
endef
$(foreach l,$(filter-out referee,$(levels)),$(eval $(call level,$(l))))

# Programs of somebody else, which jitgate has to get on with.
$(B)/neighbour.bpf.o: tests/e2e/neighbour.bpf.c $(B)/flags | have-test
	@mkdir -p $(@D)
	$(call say,BPF,$@)$(CLANG) $(bpf_cflags) -MMD -MP -c $< -o $@

demo: have-test all emulator probe ## show the whole of it on real packets (root)
	@tests/e2e/demo.sh

format: ## clang-format all C files
	clang-format -i $(c_files)

# jitgated as it is on a kernel that cannot end sockets by BPF: its program asks for a function that there is not.
$(B)/old_kernel/end_sockets.bpf.c: bpf/end_sockets.bpf.c
	@mkdir -p $(@D)
	$(Q)sed 's/bpf_sock_destroy/bpf_sock_destroy_of_no_kernel/' $< >$@
$(B)/old_kernel/end_sockets.bpf.o: $(B)/old_kernel/end_sockets.bpf.c
	$(call say,BPF,$@)$(CLANG) $(bpf_cflags) -c $< -o $@
$(B)/old_kernel/end_sockets.o: agent/end_sockets.c $(B)/old_kernel/end_sockets.skel.h $(B)/end_sockets.o
	$(call say,CC,$@)$(CC) -I$(B)/old_kernel $(all_cflags) -c $< -o $@
$(B)/jitgated-old-kernel: $(filter-out $(B)/end_sockets.o,$(jitgated_src:%=$(B)/%.o)) $(B)/old_kernel/end_sockets.o $(B)/libcore.a
	$(call say,LINK,$@)$(CC) $(all_cflags) $(all_ldflags) $^ $(call pkg_libs,$(jitgated_pkg)) -o $@

# jitgate-azure in hostile hands.
$(B)/jitgate-azure-attack: $(jitgate-azure_src:%=$(B)/%.o) $(B)/tests/attack/attack.o $(B)/libcore.a
	$(call say,LINK,$@)$(CC) $(all_cflags) $(all_ldflags) \
		-Wl,--wrap=feed_client_init,--wrap=sandbox_become,--wrap=sandbox_seccomp \
		$^ $(call pkg_libs,$(jitgate-azure_pkg)) -o $@

# The enforcer with everything around it faked.
sim_src := $(patsubst tests/sim/%.c,%,$(wildcard tests/sim/*.c))
$(B)/sim_test: $(sim_src:%=$(B)/tests/sim/%.o) $(B)/libcore.a
	$(call say,LINK,$@)$(CC) $(all_cflags) $(all_ldflags) $^ $(call pkg_libs,$(unit_pkg)) -o $@

# Fleets that ask Azure by agent/pace.c. Optimized, since a week of 10,000 machines is some millions of questions.
pace_sim_src := $(patsubst tests/pace/%.c,%,$(wildcard tests/pace/*.c))
$(B)/pace_sim: $(pace_sim_src:%=$(B)/tests/pace/%.o) $(B)/libcore.a
	$(call say,LINK,$@)$(CC) $(all_cflags) $(all_ldflags) $^ -o $@

.PHONY: sim-pace
sim-pace: $(B)/pace_sim ## write the tables of fleets in docs/azure.md
	@tests/pace/tables.sh $< docs/azure.md
