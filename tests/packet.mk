# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The packet tests: frame descriptions, and the packet program run against them.

packet_src := packet_test gate_run
packet_pkg := libbpf

$(B)/tests/packet/gate_run.o: $(B)/gate.skel.h

$(B)/packet_test: $(packet_src:%=$(B)/tests/packet/%.o) $(B)/libcore.a
	$(call say,LINK,$@)$(CC) $(all_cflags) $(all_ldflags) $^ $(call pkg_libs,$(packet_pkg)) -o $@

# The kernel's own trie, written by the agent's code and asked after each write.
$(B)/tests/packet/trie_test.o: $(B)/gate.skel.h

$(B)/trie_test: $(B)/tests/packet/trie_test.o $(B)/gate_maps.o $(B)/libcore.a
	$(call say,LINK,$@)$(CC) $(all_cflags) $(all_ldflags) $^ $(call pkg_libs,$(packet_pkg)) -o $@
