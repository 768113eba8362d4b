# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The bench: ratios against peers in one run, on the machine that it is run on.

bench_src := bench flood run_ns ends
bench_agent := feed_link usock clock

$(B)/traffic.bpf.o: tests/bench/traffic.bpf.c $(B)/flags | have-build
	@mkdir -p $(@D)
	$(call say,BPF,$@)$(CLANG) $(bpf_cflags) -MMD -MP -c $< -o $@

$(B)/traffic.skel.h: $(B)/traffic.bpf.o
	$(call say,SKEL,$@)$(BPFTOOL) gen skeleton $< name traffic_bpf > $@

$(bench_src:%=$(B)/tests/bench/%.o): | $(B)/traffic.skel.h

$(B)/bench: $(bench_src:%=$(B)/tests/bench/%.o) $(bench_agent:%=$(B)/%.o) $(B)/libcore.a
	$(call say,LINK,$@)$(CC) $(all_cflags) $(all_ldflags) $^ $(call pkg_libs,libbpf) -o $@

# What is not to be had here leaves its contestant out, and the bench says so.
.PHONY: bench bench-publish have-bench
have-bench: have-test
	@$(deps) $(deps_do) bench || true

bench: have-bench all emulator probe $(B)/bench ## packets a second beside other filters, about 7 min (root); STRICT=1: targets must be reached
	@tests/bench/bench.sh build

bench-publish: ## the last bench into README and docs/
	@tests/bench/publish.sh build
