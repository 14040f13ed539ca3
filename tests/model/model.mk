# The Spin models of what tests cannot reach, each with its mutants.

.PHONY: model
model: | $(DEPS_CHECK)
	$(Q)CC="$(CC)" tests/run -l 300 tests/model/run

# Threads under ThreadSanitizer; only what shares memory is built that way.
.PHONY: tsan
tsan: | $(DEPS_CHECK)
	$(Q)$(MAKE) SANITIZE=thread LIBS='$$(LIB_shm)' \
	    UNIT='$$(B)/tests/unit/table_threads $$(B)/tests/unit/pace_threads' unit

# The long form of tests/integ/table_kill.
KILLS	?= 500
READS	?= 100000000
.PHONY: table-kill
table-kill: $(B)/tests/integ/table_kill
	$(Q)$< $(KILLS) $(READS)
