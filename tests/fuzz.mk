# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The fuzzers: each is tests/fuzz/fuzz_NAME.c with its inputs in tests/fuzz/corpus/NAME. With replay.c they are tests that
# run those inputs; in the tree build/fuzz, made by clang, libFuzzer looks for new ones.

fuzzers := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz_pkg := libconfuse libcjson libcurl zlib
fuzz_main := $(if $(findstring fuzzer,$(SAN)),,replay)
fuzz_time := $(if $(TIME),$(TIME),60)

$(B)/fuzz/%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/fuzz.o $(fuzz_main:%=$(B)/tests/fuzz/%.o) $(B)/libcore.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(all_cflags) $(all_ldflags) $(filter %.o,$^) $(filter %.a,$^) $(call pkg_libs,$(fuzz_pkg)) -o $@

.PHONY: fuzz fuzz-programs have-fuzz
fuzz-programs: $(fuzzers:%=$(B)/fuzz/%)
have-fuzz: have-test
	@$(deps) $(deps_do) fuzz

unknown_fuzzers := $(filter-out $(fuzzers),$(FUZZERS))
ifneq ($(unknown_fuzzers),)
$(error no fuzzer $(unknown_fuzzers); there are: $(fuzzers))
endif

fuzz: have-fuzz ## look for inputs that break a parser: TIME=60 seconds for each of FUZZERS="gate feed ..."
	@$(MAKE) --no-print-directory SAN=address$(comma)undefined fuzz-programs
	@$(MAKE) --no-print-directory SAN=fuzzer$(comma)address$(comma)undefined CC='$(CLANG)' WERROR=0 fuzz-programs
	@tests/fuzz/run.sh '$(fuzz_time)' $(if $(FUZZERS),$(FUZZERS),$(fuzzers))
