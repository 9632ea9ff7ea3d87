# mlops: machine learning inside PostgreSQL.  "make install", then see README.md.

EXTENSION   = mlops
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" mlops.control)

MODULE_big  = mlops
OBJS        = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))

SQL_MODULES = $(sort $(wildcard sql/install/*.sql))
DATA_built  = sql/mlops--$(EXTVERSION).sql
DATA        = $(filter-out %/mlops--$(EXTVERSION).sql,$(wildcard sql/upgrade/mlops--*.sql))

# queries and rules for Prometheus
DOCS        = $(wildcard docs/prometheus/mlops-*.y*ml)

# setup comes first and cleanup last; every other topic stands alone
TOPICS      = $(basename $(notdir $(wildcard sql/*.sql)))
REGRESS     = setup $(sort $(filter-out setup cleanup mlops--%,$(TOPICS))) cleanup
ISOLATION   = $(basename $(notdir $(sort $(wildcard src/test/isolation/specs/*.spec))))
ISOLATION_OPTS = --inputdir=src/test/isolation
TAP_TESTS   = 1
PROVE_TESTS = $(sort $(wildcard src/test/tap/*.pl))

# -ffp-contract=off: the same sums on every machine of one architecture
PG_CPPFLAGS = -Iinclude -DMLOPS_VERSION='"$(EXTVERSION)"'
PG_CFLAGS   = -O3 -Wall -Wextra -Wno-unused-parameter -ffp-contract=off
SHLIB_LINK  = -llz4 -ldl -lm

EXTRA_CLEAN = src/test/unit/unit_test src/test/fuzz/build

PG_CONFIG  ?= pg_config
PGXS       := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PostgreSQL 15 exports all symbols of a module: without this each new session
# looks up our own functions by name, a third of the time that loading takes
ifeq ($(PORTNAME),linux)
SHLIB_LINK += -Wl,-Bsymbolic
endif

# clang fuses by default, and PGXS keeps PG_CFLAGS from the bitcode: with JIT
# the same function would sum differently
BITCODE_CFLAGS += -ffp-contract=off

sql/mlops--$(EXTVERSION).sql: $(SQL_MODULES) mlops.control
	cat $(SQL_MODULES) > $@

# Debian's PGXS has no autodepend: without this a header edit rebuilds nothing,
# neither the objects nor the bitcode that JIT inlines from.
$(OBJS) $(OBJS:.o=.bc): $(wildcard include/mlops/*.h src/*/*.h) mlops.control

.PHONY: lint unit fuzz
lint:
	src/test/lint/all.sh
unit:
	$(MAKE) -C src/test/unit check
fuzz:
	$(MAKE) -C src/test/fuzz check
