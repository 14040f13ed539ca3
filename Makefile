# cagent: build, check, run, install.  One file, no recursion but for the
# variants (another compiler, a sanitizer) that `make check` builds beside.
#
#   make            the programs, into build/bin
#   make run        two intermediaries, an agent before them, the live view
#   make check      every test, lint, both compilers, the sanitizers
#   make chaos      what clients see while things fail, as a table
#   make bench      what the policy server costs and how fast it is, and the
#                   agent beside others that could stand in its place
#   make install    DESTDIR and PREFIX as usual
#   make deps       the Debian packages that the build needs
#
# V=1 shows commands; CC=clang, SANITIZE=address,undefined pick a variant.

VERSION	:= 0.1.0
CC	:= $(if $(filter default,$(origin CC)),gcc,$(CC))
CXX	:= false
V	?= 0
Q	:= $(if $(filter 1,$(V)),,@)
SANITIZE ?=
comma	:= ,
variant	:= $(strip $(filter-out gcc,$(notdir $(CC))) $(subst $(comma),-,$(SANITIZE)))
empty	:=
space	:= $(empty) $(empty)
TOP	:= build
B	:= $(TOP)$(if $(variant),/$(subst $(space),-,$(variant)))

PREFIX	?= /usr
SYSCONFDIR ?= /etc
SBINDIR	?= $(PREFIX)/sbin
MANDIR	?= $(PREFIX)/share/man

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

# --- what the machine must have --------------------------------------------
# The stamps are real prerequisites, so a fresh machine needs no first step.
DEPS	:= $(TOP)/.deps-build
DEPS_CHECK := $(TOP)/.deps-check

.PHONY: deps deps-check
deps: $(DEPS)
deps-check: $(DEPS_CHECK)
$(DEPS): etc/packages
	$(Q)etc/install-packages build && mkdir -p $(TOP) && touch $@
$(DEPS_CHECK): etc/packages $(DEPS)
	$(Q)etc/install-packages check && touch $@

# --- flags -------------------------------------------------------------------
PKGS_base := libbsd-overlay inih libcap-ng libseccomp liburing
PKGS_agent := libcares libsodium jansson openssl
PKGS_ctl := jansson smartcols ncursesw
PKGS_server := sqlite3 libmicrohttpd
PKGS	:= $(PKGS_base) $(PKGS_agent) $(PKGS_ctl) $(PKGS_server)
LLHTTP	?= /usr/share

# Asked for lazily: on a fresh machine pkg-config itself comes with the deps.
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)
try	= $(shell $(CC) $(1) -Werror -x c -c /dev/null -o /dev/null 2>/dev/null && echo $(1))

# Some 300 test programs are linked: with the linker that takes half the time,
# but for the sanitizers', of whose symbols it complains by the hundred.
GOLD	= $(eval GOLD := $(shell echo 'int main(void) { return 0; }' | $(CC) -fuse-ld=gold -x c -o /dev/null - 2>/dev/null && echo -fuse-ld=gold))$(GOLD)

WARN_GCC := -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wnull-dereference
WARN	:= -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wcast-qual -Wwrite-strings -Wformat=2 -Wconversion -Wundef -Wvla \
	-Wswitch-enum -Wno-sign-conversion $(if $(filter clang%,$(notdir $(CC))),,$(WARN_GCC))
WERROR	?= $(if $(CI),-Werror)
INIT	= $(eval INIT := $(or $(call try,-ftrivial-auto-var-init=zero),$(call try,-ftrivial-auto-var-init=zero -enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang)))$(INIT)
HARDEN	= -fstack-protector-strong -fstack-clash-protection $(CET) $(INIT)
CET	= $(eval CET := $(call try,-fcf-protection))$(CET)
OPT	?= $(if $(SANITIZE),-O1 -g1 -fno-omit-frame-pointer,-O2 -g -D_FORTIFY_SOURCE=3)
# ThreadSanitizer knows no fences.  What they order here are atomics, which it
# needs no help with.
SAN	:= $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all) \
	$(if $(filter thread,$(SANITIZE)),$(call try,-Wno-tsan))

CPPFLAGS_ALL = -I. -isystem $(LLHTTP)/include -D_GNU_SOURCE -DCAGENT_VERSION='"$(VERSION)"' \
	-DLLHTTP_STRICT_MODE=1 -DSYSCONFDIR='"$(SYSCONFDIR)"' $(PKG_CFLAGS) $(CPPFLAGS)
CFLAGS_ALL = -std=gnu17 -fPIE $(OPT) $(WARN) $(WERROR) $(HARDEN) $(SAN) -pthread $(CFLAGS)
LDFLAGS_ALL = -pie -Wl,--as-needed,-z,relro,-z,now,-z,noexecstack $(SAN) -pthread $(LDFLAGS)

# --- what is built from what -------------------------------------------------
objs	= $(patsubst %.c,$(B)/obj/%.o,$(filter-out %/main.c,$(wildcard $(1)/*.c)))

LLHTTP_OBJ := $(addprefix $(B)/obj/llhttp/,api.o http.o llhttp.o)
LIB_base := $(B)/lib/base.a
LIB_wire := $(B)/lib/wire.a
LIB_shm	:= $(B)/lib/shm.a
LIB_trust := $(B)/lib/trust.a
LIB_conf := $(B)/lib/conf.a
LIB_names := $(B)/lib/names.a
LIB_agent := $(B)/lib/agent.a
LIB_ctl	:= $(B)/lib/ctl.a
LIB_probe := $(B)/lib/probe.a
LIB_server := $(B)/lib/server.a
LIB_policyd := $(B)/lib/policyd.a
LIBS	:= $(LIB_ctl) $(LIB_agent) $(LIB_server) $(LIB_probe) $(LIB_names) $(LIB_conf) $(LIB_trust) $(LIB_wire) $(LIB_shm) $(LIB_base)
LIBS_policyd := $(LIB_policyd) $(LIB_server) $(LIB_probe) $(LIB_names) $(LIB_conf) $(LIB_trust) $(LIB_wire) $(LIB_base)
LIBS_ctl := $(LIB_ctl) $(LIB_shm) $(LIB_conf) $(LIB_trust) $(LIB_wire) $(LIB_base)

$(LIB_base): $(call objs,base)
$(LIB_wire): $(call objs,wire) $(LLHTTP_OBJ)
$(LIB_shm): $(call objs,shm)
$(LIB_conf): $(call objs,conf)
$(LIB_trust): $(call objs,trust)
$(LIB_names): $(call objs,names)
$(LIB_agent): $(call objs,cagentd) $(call objs,cagentd/*) $(call objs,cagentd/*/*)
$(LIB_ctl): $(call objs,cagent-ctl) $(call objs,cagent-ctl/*)
$(LIB_probe): $(call objs,probe)
# The command's verbs, and the daemon that one of them is.
$(LIB_policyd): $(call objs,policyd)
$(LIB_server): $(call objs,policyd/*)

PROGS	:= $(B)/bin/cagentd $(B)/bin/cagent-ctl $(B)/bin/cagent-probe $(B)/bin/cagent-policyd
UNIT	:= $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(filter-out tests/unit/unit.c,$(wildcard tests/unit/*.c)))
RIG	:= $(patsubst tests/integ/%.c,$(B)/obj/tests/integ/%.o,$(wildcard tests/integ/rig*.c))
INTEG	:= $(patsubst tests/integ/%.c,$(B)/tests/integ/%,$(filter-out $(wildcard tests/integ/rig*.c),$(wildcard tests/integ/*.c)))

.PHONY: all
all: $(PROGS)

$(B)/bin/cagentd: $(B)/obj/cagentd/main.o $(LIB_agent) $(LIB_names) $(LIB_conf) $(LIB_trust) $(LIB_wire) $(LIB_shm) $(LIB_base)
$(B)/bin/cagent-ctl: $(B)/obj/cagent-ctl/main.o $(LIBS_ctl)
$(B)/bin/cagent-probe: $(B)/obj/probe/main.o $(LIB_probe) $(LIB_wire) $(LIB_base)
$(B)/bin/cagent-policyd: $(B)/obj/policyd/main.o $(LIBS_policyd)
# The two commands call some things alike: what is found first counts.
$(filter %/pdcmd_args,$(UNIT)): %/pdcmd_args: $(B)/obj/tests/unit/pdcmd_args.o $(LIB_policyd)
$(UNIT): $(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(B)/obj/tests/unit/unit.o $(LIBS)
# What the benchmarks print is a test's subject, too.
$(B)/tests/unit/board: $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/bench/board*.c))
$(INTEG): $(B)/tests/integ/%: $(B)/obj/tests/integ/%.o $(RIG) $(LIBS)
$(B)/tests/integ/faults: | $(B)/tests/fault/preload.so
$(UNIT) $(INTEG): | $(DEPS_CHECK)

$(PROGS):
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o %.a,$^) $(PKG_LIBS)
$(UNIT) $(INTEG):
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS_ALL) $(if $(SANITIZE),,$(GOLD)) -o $@ $(filter %.o %.a,$^) $(PKG_LIBS) $(if $(filter $(UNIT),$@),-lcunit -lm)

$(B)/tests/fault/preload.so: $(wildcard tests/fault/*.[ch]) base/loop_uring_impl.h | $(DEPS)
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(CPPFLAGS_ALL) -std=gnu17 -O2 -g $(WARN) $(WERROR) -fPIC -shared -o $@ $(filter %.c,$^) -ldl

%.a:
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcs $@ $(filter %.o,$^)

# The compiler itself is a package, so every object waits for the stamp.
$(B)/obj/%.o: %.c | $(DEPS)
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# The assembler reads these, of which the compiler knows nothing.
$(B)/obj/policyd/page/page_assets.o: $(wildcard policyd/page/assets/*)

# Debian ships llhttp as C sources; they are not ours to warn about.
$(LLHTTP_OBJ): $(B)/obj/llhttp/%.o: | $(DEPS)
	@mkdir -p $(@D)
	@echo "  CC      llhttp/$*.c"
	$(Q)$(CC) -I$(LLHTTP)/include/llhttp -DLLHTTP_STRICT_MODE=1 -fPIE $(OPT) $(HARDEN) $(SAN) -w -c -o $@ $(LLHTTP)/llhttp/$*.c

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

# --- the rest, one file an idea ------------------------------------------------
include tests/check.mk
include tests/fuzz/fuzz.mk
include tests/model/model.mk
include tests/chaos/chaos.mk
include tests/bench/bench.mk
include etc/install.mk

.PHONY: run
run: all
	@etc/demo $(abspath $(B)/bin)

.PHONY: clean
clean:
	rm -rf $(TOP)
