# make install, laid out by the FHS; DESTDIR for packages, PREFIX as usual.
# An existing configuration is left alone.  Users and run-time state are made
# only when installing into the running system as root.

SYSTEMD_UNITS ?= /lib/systemd/system
SYSUSERS ?= $(PREFIX)/lib/sysusers.d
COMPLETIONS ?= $(PREFIX)/share/bash-completion/completions
D	= $(DESTDIR)
INSTALL	?= install

.PHONY: install uninstall
install: all
	$(Q)$(INSTALL) -d $(D)$(SBINDIR) $(D)$(MANDIR)/man5 $(D)$(MANDIR)/man8 \
	    $(D)$(SYSCONFDIR)/cagent $(D)$(SYSCONFDIR)/init.d \
	    $(D)$(SYSTEMD_UNITS) $(D)$(SYSUSERS) $(D)$(COMPLETIONS) \
	    $(D)$(PREFIX)/share/doc/cagent
	$(Q)$(INSTALL) -m 755 $(PROGS) $(D)$(SBINDIR)
	$(Q)$(INSTALL) -m 644 doc/*.5 $(D)$(MANDIR)/man5
	$(Q)$(INSTALL) -m 644 doc/*.8 $(D)$(MANDIR)/man8
	$(Q)$(INSTALL) -m 644 etc/cagentd.ini $(D)$(PREFIX)/share/doc/cagent
	$(Q)test -e $(D)$(SYSCONFDIR)/cagent/cagentd.ini || \
	    $(INSTALL) -m 644 etc/cagentd.ini $(D)$(SYSCONFDIR)/cagent
	$(Q)sed 's|@SBINDIR@|$(SBINDIR)|' etc/cagentd.init >$(D)$(SYSCONFDIR)/init.d/cagentd
	$(Q)chmod 755 $(D)$(SYSCONFDIR)/init.d/cagentd
	$(Q)sed 's|@SBINDIR@|$(SBINDIR)|' etc/cagentd.service >$(D)$(SYSTEMD_UNITS)/cagentd.service
	$(Q)$(INSTALL) -m 644 etc/cagent.sysusers $(D)$(SYSUSERS)/cagent.conf
	$(Q)$(INSTALL) -m 644 etc/cagent-ctl.bash $(D)$(COMPLETIONS)/cagent-ctl
	$(Q)$(INSTALL) -m 644 etc/cagent-probe.bash $(D)$(COMPLETIONS)/cagent-probe
	$(Q)$(INSTALL) -m 644 etc/cagent-policyd.bash $(D)$(COMPLETIONS)/cagent-policyd
	$(Q)test -n "$(D)" -o "$$(id -u)" -ne 0 || etc/make-users

uninstall:
	rm -f $(PROGS:$(B)/bin/%=$(D)$(SBINDIR)/%) \
	    $(D)$(MANDIR)/man8/cagent-probe.8 $(D)$(COMPLETIONS)/cagent-probe \
	    $(D)$(MANDIR)/man5/cagentd.ini.5 $(D)$(MANDIR)/man8/cagentd.8 \
	    $(D)$(MANDIR)/man8/cagent-ctl.8 \
	    $(D)$(MANDIR)/man8/cagent-policyd.8 $(D)$(SYSCONFDIR)/init.d/cagentd \
	    $(D)$(SYSTEMD_UNITS)/cagentd.service $(D)$(SYSUSERS)/cagent.conf \
	    $(D)$(COMPLETIONS)/cagent-ctl $(D)$(COMPLETIONS)/cagent-policyd
	rm -rf $(D)$(PREFIX)/share/doc/cagent
	@echo "left alone: $(D)$(SYSCONFDIR)/cagent, the users _cagent*"
