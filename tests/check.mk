# make check and its parts.  `tests/run` runs programs and adds up their
# "N passed, N failed, N skipped" lines.

.PHONY: unit
unit: $(UNIT)
	$(Q)tests/run $(UNIT)

.PHONY: fmt
fmt:
	$(Q)git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i
