# make bench: what the policy server costs and how fast it is, as tables.
# BENCH_FORM=short is what `make check` runs: few agents, no thresholds on
# time; it fails when one does not get what is pushed.

BENCH_FORM ?= long
BENCH	:= $(B)/tests/bench/bench
BENCH_OBJ := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/bench/*.c))

.PHONY: bench
bench: $(PROGS) $(BENCH)
	$(Q)BENCH_FORM=$(BENCH_FORM) tests/run -l 1200 $(BENCH)

$(BENCH): $(BENCH_OBJ) $(RIG) $(LIBS) | $(DEPS_CHECK)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o %.a,$^) $(PKG_LIBS)
