# make bench: what the policy server costs and how fast it is, and the agent
# beside others that could stand in its place, as tables.  The second is also
# written to build/bench/path.json and path.svg.  It takes about ten minutes,
# with BENCH=quick two.
# BENCH_FORM=short is what `make check` runs: few agents and tunnels, no
# thresholds on time; it fails when one does not get what it should.

BENCH	?= full
BENCH_FORM ?= $(if $(filter quick,$(BENCH)),quick,long)
BENCH_PROG := $(B)/tests/bench/bench
BENCH_OBJ := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/bench/*.c))

.PHONY: bench
bench: $(PROGS) $(BENCH_PROG)
	$(Q)BENCH_FORM=$(BENCH_FORM) BENCH_OUT=$(TOP)/bench tests/run -l 2400 $(BENCH_PROG)

# Where the workers spend their time, by perf(1): nothing where there is none.
.PHONY: bench-profile
bench-profile: $(PROGS) $(BENCH_PROG)
	$(Q)BENCH_FORM=quick BENCH_PROFILE=1 $(BENCH_PROG) short bulk upload

$(BENCH_PROG): $(BENCH_OBJ) $(RIG) $(LIBS) | $(DEPS_CHECK)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o %.a,$^) $(PKG_LIBS)
