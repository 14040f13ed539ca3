# The Spin models of what tests cannot reach, each with its mutants.

.PHONY: model
model: | $(DEPS_CHECK)
	$(Q)CC="$(CC)" tests/model/run $(TOP)/model
