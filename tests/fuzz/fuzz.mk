# make fuzz: every tests/fuzz/NAME.c by libFuzzer for FUZZ_SECONDS each, over
# objects that are built with the same sanitizers.  Seeds are checked in under
# tests/fuzz/corpus/NAME; what a run finds stays in build.  FUZZ_ONLY=NAME
# picks one.

FUZZ_SECONDS ?= 10
FUZZ_ONLY ?= *
FUZZ	:= $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/%,$(wildcard tests/fuzz/$(FUZZ_ONLY).c))

.PHONY: fuzz fuzz-run
fuzz: | $(DEPS_CHECK)
	+$(Q)$(MAKE) --no-print-directory CC=clang \
		SANITIZE=fuzzer-no-link,address,undefined fuzz-run
fuzz-run: $(FUZZ)
	$(Q)printf '%s\n' $(FUZZ) | \
	    FUZZ_SECONDS=$(FUZZ_SECONDS) xargs -P $(AT_ONCE) -n 1 tests/fuzz/run

$(FUZZ): $(B)/tests/fuzz/%: $(B)/obj/tests/fuzz/%.o $(LIBS) | $(DEPS_CHECK)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $(filter %.o %.a,$^) $(PKG_LIBS)
