# recadv: adversarially trained recommenders inside PostgreSQL.  Build with PGXS:
#   make && sudo make install && make installcheck
# PG_CONFIG=/path/to/pg_config chooses the server.  The rest is in CONTRIBUTING.md:
#   make debug                       in build/debug, for a debugger
#   make compile_commands.json       for editors and clang tools
#   make docs                        the documents as a site, in build/site (Debian: mkdocs, mkdocs-material)
#   make dist                        what was committed last as a zip for PGXN, in build
#   make -f ../Makefile VPATH=..     in a folder of its own, which gets all that is built

# Lists are made of what lies beside this file, wherever make was called.
here := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
find_here = $(patsubst $(here)/%,%,$(sort $(wildcard $(addprefix $(here)/,$(1)))))

EXTENSION = recadv
MODULE_big = recadv
DATA = $(call find_here,sql/*--*.sql)
SOURCES := $(call find_here,src/core/*.c src/algo/*.c src/algo/*/*.c src/pg/*/*.c)
OBJS = $(SOURCES:.c=.o)
ifeq ($(SOURCES),)
$(error no sources below "$(here)/src")
endif

# Floating-point flags are chosen one by one, never -ffast-math: checks for NaN must work.
# GENERAL is for every compiler, also the one of the bitcode; what only warns is for CC.
OPTIMIZE = $(if $(DEBUG),-O0 -g3,-O3)
GENERAL = -std=gnu11 $(OPTIMIZE) -fno-math-errno -fno-trapping-math -ffp-contract=fast -Wno-psabi
PG_CFLAGS = $(GENERAL) -Wextra -Wno-unused-parameter -Wno-missing-field-initializers \
	-Wno-declaration-after-statement -Wno-sign-compare $(FUSE)
# gcc 13 leaves sums of products unfused in AVX-512 code, which then differs from AVX2's; clang and
# gcc of other processors know no such option.  Expanded once, when PGXS has set CC.
FUSE = $(shell $(CC) -Werror --param=avoid-fma-max-bits=0 -x c -S -o /dev/null /dev/null \
	2>/dev/null && echo --param=avoid-fma-max-bits=0)
PG_CPPFLAGS = -I$(here)/src
SHLIB_LINK = -lm -lpthread -ldl
SHLIB_EXPORTS = exports.txt

REGRESS = $(patsubst test/sql/%.sql,%,$(call find_here,test/sql/*.sql))
REGRESS_OPTS = --inputdir=$(here)/test --load-extension=recadv

DEPENDENCIES = $(OBJS:.o=.d) $(OBJS:.o=.bc.d)
EXTRA_CLEAN = $(DEPENDENCIES) compile_commands.json build/debug build/pages build/site

# In the folders in which they refer to each other; PGXS's DOCS would put them all into one, among those of others.
DOCUMENTS := $(call find_here,*.md LICENSE CITATION.cff doc/*.* doc/figures/* bench/README.md)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq ($(PGXS),)
$(error "$(PG_CONFIG)" does not run; PG_CONFIG=/path/to/pg_config names the one of the server)
endif

# A server with JIT wants bitcode too, made by the clang that it was built with.  That compiler need
# not be here, and all works without.
ifeq ($(origin with_llvm),undefined)
global := $(dir $(PGXS))../Makefile.global
configured = $(shell sed -n 's/^$(1)[ 	]*=[ 	]*//p' $(global))
CLANG_MISSING := $(if $(filter yes,$(call configured,with_llvm)),$(if $(shell \
	command -v $(if $(CLANG),$(CLANG),$(call configured,CLANG)) && \
	command -v $(call configured,LLVM_BINPATH)/llvm-lto),,yes))
ifeq ($(CLANG_MISSING),yes)
$(warning $(if $(CLANG),$(CLANG),$(call configured,CLANG)) or $(call configured,LLVM_BINPATH)/llvm-lto is missing: \
	building without bitcode for JIT, as with_llvm=no would)
override with_llvm = no
endif
endif

include $(PGXS)

# In a folder of its own, sources are found beside this file, but never what was built there.
srcdir := $(here)
override VPATH :=
vpath %.c $(here)
vpath %.control $(here)
vpath exports.txt $(here)

override BITCODE_CFLAGS += $(GENERAL)
ifneq ($(DEBUG),)
# Assertions, also where the server has none; _FORTIFY_SOURCE warns where nothing is optimised.
override CPPFLAGS += -U_FORTIFY_SOURCE -DUSE_ASSERT_CHECKING=1
endif

# pg_regress looks for expected results where it is called.
ifneq ($(abspath $(here)),$(CURDIR))
installcheck: expected
expected:
	ln -s $(abspath $(here))/expected $@
EXTRA_CLEAN += expected
endif

# Every object with the list of the headers that it was made from, PostgreSQL's among them.
%.o: %.c
	@$(MKDIR_P) $(@D)
	$(CC) $(CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

%.bc: %.c
	@$(MKDIR_P) $(@D)
	$(COMPILE.c.bc) -MMD -MP -MF $@.d -o $@ $<

-include $(wildcard $(DEPENDENCIES))

.PHONY: debug debug-install docs dist install-documents uninstall-documents compile_commands.json

# Beside the build that is installed, not over it.
debug debug-install:
	@$(MKDIR_P) build/debug
	$(MAKE) -C build/debug -f $(abspath $(here))/Makefile VPATH=$(abspath $(here)) DEBUG=1 \
		PG_CONFIG='$(PG_CONFIG)' with_llvm=no $(patsubst debug-%,%,$(filter-out debug,$@))

# $(call copy_documents,FOLDER)
documents_in = $(addprefix $(here)/,$(foreach file,$(DOCUMENTS),$(if $(filter $(1),$(dir $(file))),$(file))))
define copy_one_folder
$(MKDIR_P) '$(1)/$(2)'
$(INSTALL_DATA) $(call documents_in,$(2)) '$(1)/$(2)'

endef
copy_documents = $(foreach folder,$(sort $(dir $(DOCUMENTS))),$(call copy_one_folder,$(1),$(folder)))

ifneq ($(docdir),)
documentation := $(docdir)/extension/recadv
install: install-documents
uninstall: uninstall-documents
endif
install-documents:
	$(call copy_documents,$(DESTDIR)$(documentation))
uninstall-documents:
	rm -rf '$(DESTDIR)$(documentation)'
	rmdir '$(DESTDIR)$(docdir)/extension' '$(DESTDIR)$(docdir)' 2>/dev/null || :

# mkdocs wants its pages in a folder below mkdocs.yml: what README.md refers to lies there as it lies here.
docs:
	@command -v mkdocs >/dev/null || { echo 'make docs: mkdocs is missing (Debian: apt-get install mkdocs mkdocs-material)' >&2; exit 1; }
	rm -rf $(here)/build/pages $(here)/build/site
	$(call copy_documents,$(here)/build/pages)
	mkdocs build --strict -f $(here)/mkdocs.yml

# .gitattributes says what of the repository is not in it.
RELEASE := recadv-$(shell sed -n "s/^default_version = '\(.*\)'$$/\1/p" $(here)/recadv.control)
dist:
	@$(MKDIR_P) $(here)/build
	git -C $(here) archive --format=zip --prefix=$(RELEASE)/ -o $(abspath $(here))/build/$(RELEASE).zip HEAD
	@echo $(here)/build/$(RELEASE).zip

compile_commands.json:
	@flags=$$(printf '%s' '$(subst ','\'',$(CC) $(CFLAGS) $(CPPFLAGS))' | sed 's/[\\"]/\\&/g'); comma=; \
	{ for source in $(SOURCES); do \
		printf '%s\n{"directory": "%s",\n "file": "%s",\n "command": "%s -c -o %s %s"}' "$${comma:-[}" \
			'$(CURDIR)' "$(here)/$$source" "$$flags" "$${source%.c}.o" "$(here)/$$source"; comma=,; \
	done; printf '\n]\n'; } >$@
