# make demo    train on the embedded digits and compare the gradient paths
# make test    everything that must hold: format, lints, documentation, tests, examples
# make check   format and lints only
# make bench   the criterion benchmarks
# make compare chainrule beside its peers (PyTorch, JAX and others), into docs/comparison.*; about 13 minutes
# make test-mpi training on several ranks, under mpirun (installs Open MPI where it is missing)
# make interop files for onnxruntime, PyTorch and scikit-learn and from them, with the real packages (PyTorch where it is installed)
# make compare-regression softmax regression beside scikit-learn and linfa, into docs/regression.md; some minutes
# make accuracy test accuracy beside scikit-learn on four data sets; some minutes
# make scaling time and memory against batch, width, layers, classes and samples
CARGO ?= cargo
EXAMPLES = $(basename $(notdir $(sort $(wildcard examples/*.rs))))
OUT ?= chainrule-out
BUILT = $${CARGO_TARGET_DIR:-target}
# What is tested: all but chainrule-mpi, or with MPI=1 that too. One selection of packages and features everywhere, as another one
# would build the dependencies anew.
ALL = --locked --workspace $(if $(MPI),,--exclude chainrule-mpi) --features parquet
WITH_MPI = --locked --workspace --features parquet,chainrule-cli/mpi

.PHONY: demo test test-mpi check interop report-in-browser bench compare compare-regression accuracy scaling openblas mpi

demo: openblas
	$(CARGO) build --release --locked --package chainrule-cli
	@echo
	@echo "== Training a classifier on 1,797 handwritten digits"
	$(CARGO) run --quiet --release --locked -- train --out $(OUT)
	@echo
	@echo "== Four ways back through softmax: the same gradient at four costs"
	$(CARGO) run --quiet --release --locked -- gradients --out $(OUT)
	@echo
	@echo "Look at:"
	@echo "  $(OUT)/curves.svg         loss and accuracy, epoch by epoch"
	@echo "  $(OUT)/gradients.svg      time per logit of each gradient path"
	@echo "  $(OUT)/metrics.json       test accuracy, times, the hash of the parameters, the BLAS in use"
	@echo "  $(OUT)/history.csv        the epochs as a table"
	@echo "  $(OUT)/model.safetensors  the model; try: cargo run --release -- inspect --model $(OUT)/model.safetensors"

test: openblas check
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(ALL) --no-deps
	$(CARGO) test $(ALL)
	@# Kernels of OpenBLAS for other processors: without some for small products, and in other orders of adding.
	@for levels in portable:Core2 avx2:Haswell; do \
		export CHAINRULE_SIMD=$${levels%:*} OPENBLAS_CORETYPE=$${levels#*:}; \
		echo "== the kernels and the golden values at most with $$CHAINRULE_SIMD, and OpenBLAS for $$OPENBLAS_CORETYPE"; \
		$(CARGO) test $(ALL) --quiet \
			--lib --test golden --test gradient_table --test softmax --test simd_levels --test matmul || exit 1; \
		$(CARGO) test $(ALL) --quiet --test models threads || exit 1; \
	done
	@# Without optimisation, as a user's own tests are compiled, and without BLAS.
	CARGO_PROFILE_DEV_OPT_LEVEL=0 $(CARGO) test --locked --package chainrule-models --no-default-features --lib
	CARGO_PROFILE_DEV_OPT_LEVEL=0 $(CARGO) test --locked --package chainrule-models --no-default-features --test models training::
	@# `cargo run` would choose other features than the tests, which built them.
	@for example in $(EXAMPLES); do \
		echo "== example $$example"; \
		$(BUILT)/debug/examples/$$example || exit 1; \
	done
	@echo "== exports and imports with the real packages, the report in a real browser"
	$(MAKE) interop report-in-browser

test-mpi: openblas mpi
	@if $(CARGO) tree --locked --workspace --exclude chainrule-mpi --invert mpi-sys >/dev/null 2>&1; then \
		echo "error: something else than chainrule-mpi needs MPI: cargo tree --workspace --exclude chainrule-mpi --invert mpi-sys"; \
		exit 1; \
	fi
	$(CARGO) clippy $(WITH_MPI) --all-targets -- -D warnings
	$(CARGO) test $(WITH_MPI) --test ranks --test mpi -- --ignored
	$(CARGO) build $(WITH_MPI) --example digits
	@# Root may be all that a container has.
	OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
		mpirun --oversubscribe --bind-to none -n 2 $(BUILT)/debug/examples/digits

check: openblas
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(ALL) --all-targets -- -D warnings
	@# The peers' program is a workspace of its own, which nothing else here builds. Without a network nobody can tell.
	@if $(CARGO) update --workspace --locked --manifest-path benches/peers/rust/Cargo.toml 2>&1 | grep "cannot update"; then \
		echo "benches/peers/rust/Cargo.lock is behind: cargo update --workspace --manifest-path benches/peers/rust/Cargo.toml"; \
		exit 1; \
	fi

interop: openblas
	@sh scripts/interop.sh
	$(CARGO) test $(ALL) --test interop -- --ignored --nocapture

# The report in a real browser.
report-in-browser: openblas
	@sh scripts/chromium.sh
	$(CARGO) test $(ALL) --quiet --test report -- --ignored

bench: openblas
	$(CARGO) bench --locked --bench matmul --bench training_step --bench epoch --bench prediction --bench softmax_cross_entropy --bench softmax_gradient --bench hessian_product

compare: openblas
	python3 benches/peers/compare.py $(COMPARE_ARGS)

compare-regression: openblas
	python3 benches/peers/regression.py $(COMPARE_ARGS)

accuracy: openblas
	@sh scripts/interop.sh
	$(CARGO) build --release --locked --package chainrule-cli
	$(BUILT)/interop/bin/python benches/peers/accuracy.py --program $(BUILT)/release/chainrule $(ACCURACY_ARGS)

scaling: openblas
	$(CARGO) bench --locked --bench scaling

openblas:
	@sh scripts/openblas.sh

mpi:
	@sh scripts/mpi.sh
