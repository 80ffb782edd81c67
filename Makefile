# recadv: adversarially trained recommenders inside PostgreSQL.  Build with PGXS:
#   make && sudo make install && make installcheck
# PG_CONFIG=/path/to/pg_config chooses the server.

EXTENSION = recadv
MODULE_big = recadv
DATA = $(sort $(wildcard sql/recadv--*.sql))
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/core/*.c src/algo/*.c src/algo/*/*.c src/pg/*/*.c)))

# Floating-point flags are chosen one by one, never -ffast-math: checks for NaN must work.
PG_CFLAGS = -std=gnu11 -O3 -Wextra -Wno-unused-parameter -Wno-missing-field-initializers \
	-Wno-declaration-after-statement -Wno-psabi -Wno-sign-compare \
	-fno-math-errno -fno-trapping-math -ffp-contract=fast $(FUSE)
# gcc 13 leaves sums of products unfused in AVX-512 code, which then differs from AVX2's; clang and
# gcc of other processors know no such option.  Expanded once, when PGXS has set CC.
FUSE = $(shell $(CC) -Werror --param=avoid-fma-max-bits=0 -x c -S -o /dev/null /dev/null \
	2>/dev/null && echo --param=avoid-fma-max-bits=0)
PG_CPPFLAGS = -I$(srcdir)/src
SHLIB_LINK = -lm -lpthread -ldl

TESTS = $(sort $(wildcard test/sql/*.sql))
REGRESS = $(patsubst test/sql/%.sql,%,$(TESTS))
REGRESS_OPTS = --inputdir=test

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PGXS does not follow headers.
$(OBJS): $(wildcard src/core/*.h src/algo/*.h src/algo/*/*.h src/pg/*/*.h)
