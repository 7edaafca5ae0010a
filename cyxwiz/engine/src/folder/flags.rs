use clap::Args;
use serde_json::Value;

use super::JobError;
use super::entries::Entries;
use super::settings::{Settings, Source};

/// What may be said about a job on the command line. Each wins over cyxwiz.yml and config.json.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Job")]
pub(crate) struct Flags {
    /// Name of the job, for people [default: the folder's]
    #[arg(long)]
    name: Option<String>,
    /// Script or .wasm file in the folder [default: training_script.py]
    #[arg(long, value_name = "FILE")]
    entry: Option<String>,
    /// Container image: python or pytorch [default: pytorch]
    #[arg(long)]
    image: Option<String>,
    /// GPU: any, cpu for none, or a type such as rtx4090 [default: any; cpu for Wasm]
    #[arg(long, value_name = "TYPE")]
    gpu_type: Option<String>,
    /// Memory of the GPU at least, GB
    #[arg(long, value_name = "GB")]
    min_vram: Option<String>,
    /// The most that an hour may cost, dollars [default: 1.00]
    #[arg(long, value_name = "DOLLARS")]
    max_price: Option<String>,
    /// The longest run, seconds [default: 3600]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<String>,
    /// Processors [default: 1]
    #[arg(long, value_name = "NUMBER")]
    cpus: Option<String>,
    /// Memory, GB [default: 1 GiB]
    #[arg(long, value_name = "GB")]
    memory: Option<String>,
    /// Disk for inputs, outputs and checkpoints, GB [default: 10 GiB]
    #[arg(long, value_name = "GB")]
    disk: Option<String>,
    /// What to pay in: usdc or sol [default: usdc]
    #[arg(long)]
    coin: Option<String>,
    /// How often it may be assigned in all when nodes fail [default: 3]
    #[arg(long, value_name = "NUMBER")]
    max_attempts: Option<String>,
    /// Environment variable of the script; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// File that must be among the outputs for the job to count as done; may be repeated
    #[arg(long = "expect", value_name = "PATH")]
    outputs: Vec<String>,
    /// Says that equal inputs give equal outputs, so that runs may be repeated as a check (Wasm)
    #[arg(long)]
    deterministic: bool,
    /// The job needs no data/
    #[arg(long)]
    no_data: bool,
    /// What to set aside at first, of the coin [default: price × timeout]
    #[arg(long, value_name = "AMOUNT")]
    deposit: Option<String>,
    /// Up to how much in all may be topped up from the balance, of the coin [default: the deposit]
    #[arg(long, value_name = "AMOUNT")]
    limit: Option<String>,
    /// Arguments of the script
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
}

impl Flags {
    /// The same by the same rules as in a file.
    pub(super) fn settings(&self) -> Result<Settings, JobError> {
        let mut entries = Vec::new();
        let singles = [
            ("name", &self.name),
            ("entry", &self.entry),
            ("image", &self.image),
            ("gpu_type", &self.gpu_type),
            ("min_vram", &self.min_vram),
            ("max_price", &self.max_price),
            ("timeout", &self.timeout),
            ("cpus", &self.cpus),
            ("memory", &self.memory),
            ("disk", &self.disk),
            ("coin", &self.coin),
            ("max_attempts", &self.max_attempts),
            ("deposit", &self.deposit),
            ("limit", &self.limit),
        ];
        for (key, value) in singles {
            entries.extend(value.clone().map(|value| (key.to_owned(), Value::String(value))));
        }
        for (key, said) in [("deterministic", self.deterministic), ("no_data", self.no_data)] {
            entries.extend(said.then(|| (key.to_owned(), Value::Bool(true))));
        }
        for (key, list) in [("outputs", &self.outputs), ("args", &self.args)] {
            entries.extend((!list.is_empty()).then(|| (key.to_owned(), list.clone().into())));
        }
        let mut settings = Settings::read(&Entries { file: "", entries }, Source::Flags)?;
        for said in &self.env {
            let (name, value) = said.split_once('=').ok_or_else(|| JobError::Value {
                place: "--env".to_owned(),
                value: said.escape_debug().take(60).collect(),
                mend: "write NAME=VALUE",
            })?;
            settings.env.insert(name.to_owned(), value.to_owned());
        }
        Ok(settings)
    }
}
