# make install, laid out by the FHS; DESTDIR for packages, PREFIX as usual.
# An existing configuration is left alone.  Users and run-time state are made
# only when installing into the running system as root.

SYSTEMD_UNITS ?= /lib/systemd/system
SYSUSERS ?= $(PREFIX)/lib/sysusers.d
COMPLETIONS ?= $(PREFIX)/share/bash-completion/completions
D	= $(DESTDIR)
INSTALL	?= install

# What runs all the time, and what the shell completes.
SERVICES := cagentd cagent-policyd
MANS := 5 7 8
COMPLETED := cagent-ctl cagent-probe cagent-policyd

.PHONY: install uninstall
install: all
	$(Q)$(INSTALL) -d $(D)$(SBINDIR) $(MANS:%=$(D)$(MANDIR)/man%) \
	    $(D)$(SYSCONFDIR)/cagent $(D)$(SYSCONFDIR)/init.d \
	    $(D)$(SYSTEMD_UNITS) $(D)$(SYSUSERS) $(D)$(COMPLETIONS) \
	    $(D)$(PREFIX)/share/doc/cagent
	$(Q)test -d $(D)/var/lib/cagent-policyd || \
	    $(INSTALL) -d -m 750 $(D)/var/lib/cagent-policyd
	$(Q)$(INSTALL) -m 755 $(PROGS) $(D)$(SBINDIR)
	$(Q)for s in $(MANS); do \
		$(INSTALL) -m 644 doc/*.$$s $(D)$(MANDIR)/man$$s || exit 1; \
	done
	$(Q)$(INSTALL) -m 644 $(SERVICES:%=etc/%.ini) $(D)$(PREFIX)/share/doc/cagent
	$(Q)for s in $(SERVICES); do \
		test -e $(D)$(SYSCONFDIR)/cagent/$$s.ini || \
		    $(INSTALL) -m 644 etc/$$s.ini $(D)$(SYSCONFDIR)/cagent && \
		sed 's|@SBINDIR@|$(SBINDIR)|' etc/$$s.init \
		    >$(D)$(SYSCONFDIR)/init.d/$$s && \
		chmod 755 $(D)$(SYSCONFDIR)/init.d/$$s && \
		sed 's|@SBINDIR@|$(SBINDIR)|' etc/$$s.service \
		    >$(D)$(SYSTEMD_UNITS)/$$s.service || exit 1; \
	done
	$(Q)$(INSTALL) -m 644 etc/cagent.sysusers $(D)$(SYSUSERS)/cagent.conf
	$(Q)for c in $(COMPLETED); do \
		$(INSTALL) -m 644 etc/$$c.bash $(D)$(COMPLETIONS)/$$c || exit 1; \
	done
	$(Q)test -n "$(D)" -o "$$(id -u)" -ne 0 || etc/make-users

uninstall:
	rm -f $(PROGS:$(B)/bin/%=$(D)$(SBINDIR)/%) \
	    $(foreach s,$(MANS),$(patsubst doc/%,$(D)$(MANDIR)/man$(s)/%,$(wildcard doc/*.$(s)))) \
	    $(SERVICES:%=$(D)$(SYSCONFDIR)/init.d/%) \
	    $(SERVICES:%=$(D)$(SYSTEMD_UNITS)/%.service) \
	    $(D)$(SYSUSERS)/cagent.conf $(COMPLETED:%=$(D)$(COMPLETIONS)/%)
	rm -rf $(D)$(PREFIX)/share/doc/cagent
	@echo "left alone: $(D)$(SYSCONFDIR)/cagent, /var/lib, the users _cagent*"
