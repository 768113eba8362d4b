# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The kernel as referee: a seeded stream of frames, and what the receiving kernel delivers of it.

referee_src := $(patsubst tests/referee/%.c,%,$(wildcard tests/referee/*.c))
# The generator; it is pure, and has a unit test.
referee_frames := train slices packet mutate

.PHONY: referee
referee: $(B)/referee
$(B)/referee: $(referee_src:%=$(B)/tests/referee/%.o) $(B)/libcore.a
	$(call say,LINK,$@)$(CC) $(all_cflags) $(all_ldflags) $^ -o $@

$(B)/unit/test_train: $(referee_frames:%=$(B)/tests/referee/%.o)

.PHONY: test-referee
test-referee: have-test $(needs_referee) ## a million frames a run against the real kernel; FRAMES= SEED= TRAIN= (root)
	@rm -f build/referee/table
	@$(run) $(referee); status=$$?; cat build/referee/table 2>/dev/null; exit $$status
