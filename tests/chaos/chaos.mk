# make chaos: what clients see while intermediaries, destinations and the
# uplink fail, as a table.  CHAOS_FORM=short is what `make check` runs.

CHAOS_FORM ?= long
CHAOS	:= $(B)/tests/chaos/chaos
CHAOS_OBJ := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/chaos/*.c))

.PHONY: chaos
chaos: $(PROGS) $(CHAOS)
	$(Q)CHAOS=$(CHAOS) CHAOS_FORM=$(CHAOS_FORM) tests/run -l 1200 tests/chaos/run

$(CHAOS): $(CHAOS_OBJ) $(RIG) $(LIBS) | $(DEPS_CHECK)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o %.a,$^) $(PKG_LIBS)
