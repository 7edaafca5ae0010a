use cyxwiz_model::{FilePathError, MoneyError, SpecError};

/// What is wrong with a job on disk. Each line names the mend.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    #[error("there is no `{0}`: name the job's folder, a .py or a .wasm file")]
    NoSuch(String),
    #[error("`{0}` is no job: name a folder, a .py or a .wasm file")]
    Kind(String),
    #[error("failed to read `{path}`")]
    Unreadable {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("`{0}` is larger than 1 MiB: settings are a few lines")]
    LargeConfig(String),
    #[error("{file} is not well formed ({why}): see `cyxwiz submit --help` for what it may say")]
    Malformed { file: &'static str, why: String },
    #[error("{file} says {key} twice: keep one of them")]
    Twice { file: &'static str, key: String },
    #[error("{file}: `{key}` is no setting: take {}", known.join(", "))]
    UnknownKey { file: &'static str, key: String, known: Vec<&'static str> },
    #[error(
        "{file}: `{key}` stands in cyxwiz.yml, this file takes gpu_type, min_vram, max_price and timeout: move it there"
    )]
    OtherFile { file: &'static str, key: String },
    #[error("{place} is {value}: {mend}")]
    Value { place: String, value: String, mend: &'static str },
    #[error(transparent)]
    Money(#[from] MoneyError),
    #[error("the limit of {limit} is below the deposit of {deposit}: write a higher limit, or leave it out")]
    LimitBelowDeposit { deposit: cyxwiz_model::Money, limit: cyxwiz_model::Money },
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error(transparent)]
    Path(#[from] FilePathError),
    #[error("`{0}` has no file")]
    Empty(String),
    #[error("`{place}` has no {entry}: put it there, or name the script or .wasm file with --entry")]
    NoEntry { place: String, entry: String },
    #[error("`{0}` is neither a .py nor a .wasm file: name one with --entry")]
    EntryKind(String),
    #[error("`{0}` does not begin like a Wasm program: build it for wasm32-wasip1 or wasm32-wasip2")]
    NoWasm(String),
    #[error(
        "`{0}` has no file in data/: put the data there, name its address in data_urls, or say --no-data"
    )]
    NoData(String),
    #[error("`{0}` is a symbolic link: put the file itself there, or name it in .cyxwizignore")]
    Symlink(String),
    #[error("`{0}` is no ordinary file: take it away, or name it in .cyxwizignore")]
    Special(String),
    #[error("`{0}` has a name that is not UTF-8: rename it, or name it in .cyxwizignore")]
    NotUnicode(String),
    #[error("`{0}` has over 10,000 files: pack them, or name some in .cyxwizignore")]
    TooMany(String),
    #[error(
        "`{place}` has over 1 GiB ({gib} GiB so far): put large data at an https address and name it in data_urls, or name some in .cyxwizignore"
    )]
    TooLarge { place: String, gib: String },
    #[error("`{0}` changed while it was read: submit it again when nothing writes there any more")]
    Changed(String),
}
