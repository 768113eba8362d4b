# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# What is installed, and where; DESTDIR and the *dir variables of the Makefile are honoured. A config that is there is the
# owner's: it is neither overwritten nor, once changed, removed.

man_pages := jitgate.1 jitgate.conf.5 jitgated.8 jitgate-azure.8
units := jitgated.service jitgate-azure.service
documents := README.md CHANGES LICENSE docs/bench.md docs/bench.svg docs/operations.md docs/promises.md docs/azure.md

conf_dir = $(DESTDIR)$(sysconfdir)/jitgate
INSTALL ?= install

man_file = $(DESTDIR)$(mandir)/man$(subst .,,$(suffix $(1)))/$(1)
installed_files = \
	$(DESTDIR)$(sbindir)/jitgated $(DESTDIR)$(sbindir)/jitgate-azure $(DESTDIR)$(bindir)/jitgate \
	$(foreach p,$(man_pages),$(call man_file,$(p))) \
	$(units:%=$(DESTDIR)$(unitdir)/%) \
	$(DESTDIR)$(sysusersdir)/jitgate.conf $(DESTDIR)$(tmpfilesdir)/jitgate.conf \
	$(documents:%=$(DESTDIR)$(docdir)/%) $(DESTDIR)$(docdir)/jitgate.conf

# Units name the programs and the config by the path that they have on the target, without DESTDIR. Written anew each time:
# the paths depend on this very command line.
.PHONY: always
always:
$(B)/%.service: packaging/systemd/%.service.in always
	@mkdir -p $(@D)
	$(call say,GEN,$@)sed -e 's|@sbindir@|$(sbindir)|g' -e 's|@sysconfdir@|$(sysconfdir)|g' $< > $@

.PHONY: install install-programs install-man install-system install-doc uninstall

install: install-programs install-man install-system install-doc ## install (DESTDIR=, prefix=/usr/local)
	@$(if $(DESTDIR),,printf '%s\n' \
		'Next, as root:  systemd-sysusers && systemd-tmpfiles --create jitgate.conf && systemctl daemon-reload' \
		'                then, before anything is locked: "On a real VM" in README, steps 3 and 4')

install-programs: all
	$(Q)$(INSTALL) -d $(DESTDIR)$(sbindir) $(DESTDIR)$(bindir)
	$(Q)$(INSTALL) -m 0755 $(B)/jitgated $(B)/jitgate-azure $(DESTDIR)$(sbindir)
	$(Q)$(INSTALL) -m 0755 $(B)/jitgate $(DESTDIR)$(bindir)

install-man:
	$(Q)$(foreach p,$(man_pages),$(INSTALL) -D -m 0644 packaging/man/$(p) $(call man_file,$(p)) &&) :

install-system: $(units:%=$(B)/%)
	$(Q)$(INSTALL) -d $(DESTDIR)$(unitdir) $(DESTDIR)$(sysusersdir) $(DESTDIR)$(tmpfilesdir) $(conf_dir)
	$(Q)$(INSTALL) -m 0644 $(units:%=$(B)/%) $(DESTDIR)$(unitdir)
	$(Q)$(INSTALL) -m 0644 packaging/sysusers.d/jitgate.conf $(DESTDIR)$(sysusersdir)
	$(Q)$(INSTALL) -m 0644 packaging/tmpfiles.d/jitgate.conf $(DESTDIR)$(tmpfilesdir)
	$(Q)test -e $(conf_dir)/jitgate.conf || $(INSTALL) -m 0644 packaging/jitgate.conf $(conf_dir)

install-doc:
	$(Q)$(INSTALL) -d $(DESTDIR)$(docdir)/docs
	$(Q)$(INSTALL) -m 0644 $(filter-out docs/%,$(documents)) packaging/jitgate.conf $(DESTDIR)$(docdir)
	$(Q)$(INSTALL) -m 0644 $(filter docs/%,$(documents)) $(DESTDIR)$(docdir)/docs

# It does not stop anything: detach first, or the ports stay as they are until the next boot.
uninstall: ## remove what install put there; a changed config stays
	$(Q)if cmp -s packaging/jitgate.conf $(conf_dir)/jitgate.conf; then rm -f $(conf_dir)/jitgate.conf; \
		elif test -e $(conf_dir)/jitgate.conf; then echo "$(conf_dir)/jitgate.conf was changed, so it stays"; fi
	$(Q)rm -f $(installed_files)
	$(Q)for dir in $(conf_dir) $(DESTDIR)$(docdir)/docs $(DESTDIR)$(docdir); do \
		test ! -d $$dir || rmdir --ignore-fail-on-non-empty $$dir; done
	@$(if $(DESTDIR),,echo 'If "jitgated --detach" was not run before, what is enforced stays so until a reboot, or until it is installed again and run.')
