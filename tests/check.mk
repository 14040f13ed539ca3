# make check and its parts.  tests/check runs the parts and adds up, tests/run
# runs programs; both close with a line "N passed, N failed, N skipped".
#
#   make check      everything, as CI does
#   make unit       unit tests (SANITIZE=address,undefined, CC=clang to vary)
#   make integ      integration tests
#   make crowd      15,000 idle tunnels
#   make gigabyte   2^30 bytes each way, through pipes and through buffers
#   make faults     system calls and completions that fail, at length
#   make chaos      what clients see while things fail, at length
#   make lint       cppcheck, clang-tidy, shellcheck, format, floors, man pages
#   make fmt        put all sources into shape

UNIT_LIMIT ?= 60
INTEG_LIMIT ?= 240
# Programs at once: each test has its own folder, namespaces and ports.
# Integration tests mostly wait.
AT_ONCE	?= 2
INTEG_AT_ONCE ?= 3
# The longest, so that none of them is what all wait for in the end.
INTEG_LONG := policy_kill matrix page_look failover crash server_probes stream \
	uplink prober policy_keys manager server_fleet checks probe
INTEG_LONG := $(filter $(INTEG),$(INTEG_LONG:%=$(B)/tests/integ/%))

C_FILES	:= $(shell find . \( -name build -o -name '.?*' \) -prune -o -name '*.[ch]' -print | sed 's|^\./||' | LC_ALL=C sort)

.PHONY: check
check: $(DEPS_CHECK)
	@tests/check $(MAKEOVERRIDES)

.PHONY: programs-and-tests unit integ
programs-and-tests: $(PROGS) $(UNIT) $(INTEG)
unit: $(UNIT)
	$(Q)tests/run -j $(AT_ONCE) -l $(UNIT_LIMIT) $(UNIT)
# What moves bytes, on the other backend.  The tests of the loop itself run on
# both anyhow.
UNIT_URING := $(addprefix $(B)/tests/unit/,accept associate associate_class \
	associate_hop \
	attempt attempt_eager attempt_tls check dial dial_again dial_hedge \
	dial_steps divert farewell learn learn_path load_fetch login race \
	relay relay_bulk relay_lane request request_login reverse session \
	session_idle session_limits session_stall session_storm stream \
	warm web web_again web_body web_desync web_login web_pump \
	web_refuse who)
.PHONY: unit-uring
unit-uring: $(UNIT_URING)
	$(Q)CAGENT_TEST_LOOP=io_uring tests/run -j $(INTEG_AT_ONCE) -l $(UNIT_LIMIT) $^
integ: $(PROGS) $(INTEG)
	$(Q)tests/run -j $(INTEG_AT_ONCE) -l $(INTEG_LIMIT) $(INTEG_LONG) $(filter-out $(INTEG_LONG),$(INTEG))

# At length: as many idle tunnels as one process of the test has files for.
.PHONY: crowd
crowd: $(PROGS) $(B)/tests/integ/crowd
	$(Q)CROWD=15000 tests/run -l $(INTEG_LIMIT) $(B)/tests/integ/crowd

# At length: 2^30 bytes each way.
.PHONY: gigabyte
gigabyte: $(PROGS) $(B)/tests/integ/gigabyte
	$(Q)GIGABYTE=1 tests/run -l 900 $(B)/tests/integ/gigabyte

# At length: thirty times as many tunnels while calls fail.
.PHONY: faults
faults: $(PROGS) $(B)/tests/integ/faults
	$(Q)FAULTS_LONG=1 tests/run -l 600 $(B)/tests/integ/faults

# The headers of the test library come with the packages for the tests.
$(B)/obj/tests/%.o: | $(DEPS_CHECK)

# What this compiler has to say, without the code, of what the sanitizers' and
# the fuzzers' builds leave out.
WARNED	:= $(patsubst %.c,warned/%,$(filter %/main.c tests/integ/% tests/chaos/% tests/bench/%,$(filter %.c,$(C_FILES))))
.PHONY: warnings $(WARNED)
warnings: $(WARNED)
$(WARNED): warned/%: | $(DEPS_CHECK)
	$(Q)$(CC) $(CPPFLAGS_ALL) -std=gnu17 $(WARN) $(WERROR) -fsyntax-only $*.c

# --- lint --------------------------------------------------------------------
# tests/lint/NAME is one check each: it gets the sources as arguments, tells
# what is wrong and exits non-zero.
LINTS	:= cppcheck format headers includes man run shell tidy words
TIDY	:= $(patsubst %.c,$(TOP)/tidy/%.ok,$(filter-out tests/%,$(filter %.c,$(C_FILES))))

.PHONY: lint
lint fmt-check: export LINT_C = $(C_FILES)
lint: export LINT_FLAGS = $(CPPFLAGS_ALL) -std=gnu17 $(WARN)
lint: $(DEPS_CHECK)
	$(Q)tests/run -x -j $(AT_ONCE) -l 600 $(LINTS:%=tests/lint/%)

# How much of one function is walked through: a third of what is the
# default, for less than half the time.  TIDY_NODES=225000 is that default.
TIDY_NODES ?= 75000
TIDY_DEPTH := $(addprefix --extra-arg=,-Xclang -analyzer-config -Xclang max-nodes=$(TIDY_NODES))

# Slow, so each file's verdict is kept until the file, one of its headers (by
# way of its object) or the settings change.
.PHONY: tidy
tidy: $(TIDY)
$(TIDY): $(TOP)/tidy/%.ok: %.c .clang-tidy $(TOP)/obj/%.o | $(DEPS_CHECK)
	@mkdir -p $(@D)
	$(Q)clang-tidy --quiet $(TIDY_DEPTH) $< -- $(CPPFLAGS_ALL) -std=gnu17 2>/dev/null
	$(Q)touch $@

.PHONY: fmt
fmt: | $(DEPS_CHECK)
	$(Q)clang-format -i $(C_FILES)
.PHONY: fmt-check
fmt-check: | $(DEPS_CHECK)
	$(Q)tests/lint/format
