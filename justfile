# Short names for what the README and CONTRIBUTING.md spell out. Nothing needs this file.

# The list of recipes
default:
    @just --list

# The first run, without an account
quickstart:
    cargo run --release -- run jobs/quickstart.toml --simulate

# Every test
test *ARGS:
    cargo test --locked {{ARGS}}

# Format and lints
lint:
    cargo fmt --check
    cargo clippy --all-targets --locked -- -D warnings

# Write snapshots anew; read the difference before committing
snapshots:
    INSTA_UPDATE=always cargo test --locked

# Write the schema of job files and the manual's tables anew
schema:
    cargo run --locked -- schema > jobs/job.schema.json
    INSTA_UPDATE=always cargo test --locked --test manual

# One benchmark: latency, throughput, pace, million, window
bench NAME:
    cargo bench --locked --bench {{NAME}}

# Draw bytes for one of the targets of fuzz/, for a minute
fuzz NAME:
    mkdir -p fuzz/found/{{NAME}}
    cargo +nightly fuzz run {{NAME}} fuzz/found/{{NAME}} fuzz/corpus/{{NAME}} -- -max_total_time=60 -timeout=5 -rss_limit_mb=1024

# Licences, advisories and banned crates (needs cargo-deny)
deny:
    cargo deny check

# What must pass before a change goes in
ci:
    .ci/run
