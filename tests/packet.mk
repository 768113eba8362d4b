# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The packet tests: the corpus, run through the packet program.

packet_src := trial trial_maps trial_read trial_case
packet_pkg := libbpf zlib

packet_tests := packet_test packet_session tap
$(B)/packet_test: $(packet_tests:%=$(B)/tests/packet/%.o) $(packet_src:%=$(B)/%.o) $(B)/libcore.a
	$(call say,LINK,$@)$(CC) $(all_cflags) $(all_ldflags) $^ $(call pkg_libs,$(packet_pkg)) -o $@

# The kernel's own trie, written by the agent's code and asked after each write.
$(B)/tests/packet/trie_test.o: $(B)/gate.skel.h

$(B)/trie_test: $(B)/tests/packet/trie_test.o $(B)/gate_maps.o $(B)/gate_flows.o $(B)/libcore.a
	$(call say,LINK,$@)$(CC) $(all_cflags) $(all_ldflags) $^ $(call pkg_libs,$(packet_pkg)) -o $@
