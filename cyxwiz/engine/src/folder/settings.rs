//! What a buyer may say about a job, wherever he says it.

use std::collections::BTreeMap;

use cyxwiz_model::{Coin, DataUrl, HourlyPrice, Money, Span};
use serde_json::Value;

use super::JobError;
use super::entries::Entries;

/// Everything that may be said, each once or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Settings {
    pub(super) name: Option<String>,
    pub(super) entry: Option<String>,
    pub(super) args: Option<Vec<String>>,
    pub(super) image: Option<String>,
    pub(super) gpu_type: Option<String>,
    pub(super) min_vram_mib: Option<u64>,
    pub(super) max_price: Option<HourlyPrice>,
    pub(super) timeout: Option<Span>,
    pub(super) cpu_milli: Option<u32>,
    pub(super) memory_mib: Option<u64>,
    pub(super) disk_mib: Option<u64>,
    pub(super) coin: Option<Coin>,
    pub(super) max_attempts: Option<u32>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) outputs: Option<Vec<String>>,
    pub(super) data_urls: Option<Vec<DataUrl>>,
    pub(super) deterministic: Option<bool>,
    pub(super) no_data: Option<bool>,
    /// As written: what it is depends on the coin.
    pub(super) deposit: Option<String>,
    pub(super) limit: Option<String>,
}

/// What to set aside, where it is not rate × timeout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) deposit: Option<Money>,
    pub(crate) limit: Option<Money>,
}

/// Where something was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Json,
    Yaml,
    Flags,
}

const JSON_KEYS: [&str; 4] = ["gpu_type", "min_vram", "max_price", "timeout"];
const MORE_KEYS: [&str; 16] = [
    "name",
    "entry",
    "args",
    "image",
    "cpus",
    "memory",
    "disk",
    "coin",
    "max_attempts",
    "env",
    "outputs",
    "data_urls",
    "deterministic",
    "no_data",
    "deposit",
    "limit",
];

/// Units of memory, and their bytes.
const UNITS: [(&str, u128); 4] =
    [("MiB", 1 << 20), ("GiB", 1 << 30), ("MB", 1_000_000), ("GB", 1_000_000_000)];

impl Settings {
    /// Reads each entry by its own rule.
    pub(super) fn read(entries: &Entries, source: Source) -> Result<Self, JobError> {
        let mut settings = Self::default();
        for (key, value) in &entries.entries {
            let short = || key.escape_debug().take(60).collect::<String>();
            let (basic, more) = (JSON_KEYS.contains(&key.as_str()), MORE_KEYS.contains(&key.as_str()));
            match source {
                Source::Json if more => return Err(JobError::OtherFile { file: entries.file, key: short() }),
                Source::Json if !basic => {
                    return Err(JobError::UnknownKey {
                        file: entries.file,
                        key: short(),
                        known: JSON_KEYS.to_vec(),
                    });
                }
                Source::Yaml if !basic && !more => {
                    let known = JSON_KEYS.iter().chain(&MORE_KEYS).copied().collect();
                    return Err(JobError::UnknownKey { file: entries.file, key: short(), known });
                }
                _ => {}
            }
            let place = match source {
                Source::Flags => format!("--{}", key.replace('_', "-")),
                Source::Json | Source::Yaml => format!("{}: {key}", entries.file),
            };
            settings.set(key, &Said { place, value })?;
        }
        Ok(settings)
    }

    /// One setting. The key is known.
    fn set(&mut self, key: &str, said: &Said<'_>) -> Result<(), JobError> {
        match key {
            "gpu_type" => self.gpu_type = Some(said.text("write any, cpu, or a type such as rtx4090")?),
            "min_vram" => self.min_vram_mib = Some(said.gigabytes("write GB, such as 8, or 8GiB")?),
            "max_price" => self.max_price = Some(said.price()?),
            "timeout" => self.timeout = Some(Span::seconds(said.whole("write seconds, such as 3600")?)),
            "name" => self.name = Some(said.text("write a few words")?),
            "entry" => self.entry = Some(said.text("write the script's path from the job's folder on")?),
            "args" => self.args = Some(said.texts("write a list of words")?),
            "image" => self.image = Some(said.text("write python or pytorch")?),
            "cpus" => self.cpu_milli = Some(said.milli()?),
            "memory" => self.memory_mib = Some(said.gigabytes("write GB, such as 4, or 512MiB")?),
            "disk" => self.disk_mib = Some(said.gigabytes("write GB, such as 10, or 512MiB")?),
            "coin" => self.coin = Some(said.text("write usdc or sol")?.parse()?),
            "max_attempts" => {
                let mend = "write 1 to 10";
                self.max_attempts = Some(said.whole(mend)?.try_into().map_err(|_| said.wrong(mend))?);
            }
            "env" => self.env = said.env()?,
            "outputs" => self.outputs = Some(said.texts("write a list of paths below $CYX_OUTPUT_DIR")?),
            "data_urls" => self.data_urls = Some(said.data_urls()?),
            "deterministic" => self.deterministic = Some(said.flag()?),
            "no_data" => self.no_data = Some(said.flag()?),
            "deposit" => self.deposit = Some(said.number("write an amount of the coin, such as 0.5")?),
            _ => self.limit = Some(said.number("write an amount of the coin, such as 2")?),
        }
        Ok(())
    }

    /// What `other` says counts.
    pub(super) fn override_with(&mut self, other: Self) {
        macro_rules! take {
            ($($field:ident)*) => { $(if other.$field.is_some() { self.$field = other.$field; })* };
        }
        take!(name entry args image gpu_type min_vram_mib max_price timeout cpu_milli memory_mib disk_mib);
        take!(coin max_attempts outputs data_urls deterministic no_data deposit limit);
        self.env.extend(other.env);
    }
}

/// A value and where it stands.
struct Said<'a> {
    place: String,
    value: &'a Value,
}

impl Said<'_> {
    fn wrong(&self, mend: &'static str) -> JobError {
        let value: String = self.value.to_string().chars().take(80).collect();
        JobError::Value { place: self.place.clone(), value, mend }
    }

    fn text(&self, mend: &'static str) -> Result<String, JobError> {
        self.value.as_str().map(str::to_owned).ok_or_else(|| self.wrong(mend))
    }

    /// A number as it is written, in a file or in a flag.
    fn number(&self, mend: &'static str) -> Result<String, JobError> {
        match self.value {
            Value::Number(number) => Ok(number.to_string()),
            Value::String(text) => Ok(text.clone()),
            _ => Err(self.wrong(mend)),
        }
    }

    fn whole(&self, mend: &'static str) -> Result<u64, JobError> {
        self.number(mend)?.parse().map_err(|_| self.wrong(mend))
    }

    /// Millionths, exactly as written.
    fn millionths(&self, mend: &'static str) -> Result<u64, JobError> {
        let text = self.number(mend)?;
        Money::parse(&text, Coin::Usdc).map(|money| money.amount.0).map_err(|_| self.wrong(mend))
    }

    fn price(&self) -> Result<HourlyPrice, JobError> {
        self.millionths("write dollars an hour, such as 1.00").map(HourlyPrice)
    }

    fn milli(&self) -> Result<u32, JobError> {
        let mend = "write processors, such as 2 or 0.5";
        u32::try_from(self.millionths(mend)?.div_ceil(1000)).map_err(|_| self.wrong(mend))
    }

    /// A number of GB, or one with its unit; in whole MiB. GB are 10^9 bytes: what is sold as 24 GB has a little
    /// less than 24 GiB.
    fn gigabytes(&self, mend: &'static str) -> Result<u64, JobError> {
        let text = self.number(mend)?;
        let (number, bytes) = UNITS
            .iter()
            .find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?.trim_end(), *bytes)))
            .unwrap_or((text.as_str(), 1_000_000_000));
        let number = Money::parse(number, Coin::Usdc).map_err(|_| self.wrong(mend))?.amount.0;
        u64::try_from((u128::from(number) * bytes / 1_000_000) >> 20).map_err(|_| self.wrong(mend))
    }

    fn flag(&self) -> Result<bool, JobError> {
        self.value.as_bool().ok_or_else(|| self.wrong("write true or false"))
    }

    fn texts(&self, mend: &'static str) -> Result<Vec<String>, JobError> {
        let list = self.value.as_array().ok_or_else(|| self.wrong(mend))?;
        list.iter().map(|value| Said { place: self.place.clone(), value }.number(mend)).collect()
    }

    fn env(&self) -> Result<BTreeMap<String, String>, JobError> {
        let mend = "write NAME: value, in quotes where it is neither text nor a number";
        let map = self.value.as_object().ok_or_else(|| self.wrong(mend))?;
        map.iter()
            .map(|(name, value)| {
                let place = format!("{}.{}", self.place, name.escape_debug());
                Ok((name.clone(), Said { place, value }.number(mend)?))
            })
            .collect()
    }

    fn data_urls(&self) -> Result<Vec<DataUrl>, JobError> {
        let mend = "write a list, each with url, path, sha256 and size";
        let list = self.value.as_array().ok_or_else(|| self.wrong(mend))?;
        let one = |value: &Value| {
            let map = value.as_object().filter(|map| map.len() == 4).ok_or_else(|| self.wrong(mend))?;
            let text = |key| map.get(key).and_then(Value::as_str).ok_or_else(|| self.wrong(mend));
            let mut sha256 = [0; 32];
            hex::decode_to_slice(text("sha256")?, &mut sha256)
                .map_err(|_| self.wrong("write each sha256 as 64 hex digits"))?;
            let size = map.get("size").and_then(Value::as_u64);
            let size = size.ok_or_else(|| self.wrong("write each size in bytes"))?;
            Ok(DataUrl { url: text("url")?.to_owned(), path: text("path")?.parse()?, sha256, size })
        };
        list.iter().map(one).collect()
    }
}
