use cyxwiz_model::{Coin, HourlyPrice, HourlyRate, JobSpec, Moment, Span, Wanted, Workload};
use cyxwiz_proto::{coin_of, v1};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::Refusal;
use crate::market::timestamp;

/// How long a quote is good.
pub const QUOTE_LIFE: Span = Span::seconds(60);

/// What domain the MAC is for: the key signs other things too.
const PURPOSE: &[u8] = b"cyxwiz quote v1\0";

/// The key that quotes are signed with; the same on every server of a database.
#[derive(Clone, Copy)]
pub struct QuoteKey<'a>(pub &'a [u8]);

/// A price that holds for a minute, for jobs that want the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// What an hour costs.
    pub price: HourlyPrice,
    /// The same in base units.
    pub rate: HourlyRate,
    /// Micro-USD for one SOL, where that is the coin.
    pub micro_usd_per_sol: u64,
    /// Until when it holds.
    pub expires_at: Moment,
}

impl QuoteKey<'_> {
    /// Signs a quote for a job.
    #[must_use]
    pub fn sign(self, quoted: &Quoted, spec: &JobSpec) -> v1::Quote {
        v1::Quote {
            coin: v1::Coin::from(quoted.rate.coin).into(),
            micro_usd_per_hour: quoted.price.0,
            base_units_per_hour: quoted.rate.base_units,
            micro_usd_per_sol: quoted.micro_usd_per_sol,
            expires_at: timestamp(quoted.expires_at).into(),
            token: self.mac(quoted, spec).map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default(),
            ..Default::default()
        }
    }

    /// Reads a quote back.
    ///
    /// # Errors
    /// Not one of ours for this job, or too old.
    pub fn read(self, quote: &v1::Quote, spec: &JobSpec, now: Moment) -> Result<Quoted, Refusal> {
        let foreign = || {
            Refusal::new(
                v1::Reason::REASON_QUOTE_EXPIRED,
                "the quote is not this server's, or not for this job",
            )
            .mend("estimate the job again, and create it with that quote")
        };
        let coin = coin_of(quote.coin).ok_or_else(foreign)?;
        let expires = quote.expires_at.as_option().ok_or_else(foreign)?;
        let millis = expires
            .seconds
            .checked_mul(1000)
            .and_then(|ms| ms.checked_add(i64::from(expires.nanos) / 1_000_000));
        let quoted = Quoted {
            price: HourlyPrice(quote.micro_usd_per_hour),
            rate: HourlyRate { coin, base_units: quote.base_units_per_hour },
            micro_usd_per_sol: quote.micro_usd_per_sol,
            expires_at: Moment(millis.ok_or_else(foreign)?),
        };
        let mac = self.mac(&quoted, spec).ok_or_else(foreign)?;
        mac.verify_slice(&quote.token).map_err(|_| foreign())?;
        if now > quoted.expires_at {
            return Err(Refusal::new(v1::Reason::REASON_QUOTE_EXPIRED, "the quote is over 60 seconds old")
                .mend("estimate the job again, and create it with that quote"));
        }
        Ok(quoted)
    }

    fn mac(self, quoted: &Quoted, spec: &JobSpec) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0).ok()?;
        mac.update(PURPOSE);
        for number in [quoted.price.0, quoted.rate.base_units, quoted.micro_usd_per_sol] {
            mac.update(&number.to_le_bytes());
        }
        mac.update(&quoted.expires_at.0.to_le_bytes());
        mac.update(&[u8::from(quoted.rate.coin == Coin::Sol)]);
        mac.update(wish(spec).as_bytes());
        Some(mac)
    }
}

/// What the price of a job depends on, so that the quote of a cheap machine buys no dear one.
fn wish(spec: &JobSpec) -> String {
    let wanted = &spec.requirements;
    let gpu = match &wanted.gpu {
        Wanted::Any => "any".to_owned(),
        Wanted::Type(gpu) => gpu.to_string(),
    };
    let kind = match &spec.workload {
        Workload::Script(script) => format!("script {}", script.image),
        Workload::Wasm(_) => "wasm".to_owned(),
    };
    format!(
        "{kind} {gpu} {} {} {} {} {} {} {}",
        wanted.min_vram_mib,
        wanted.cpu_milli,
        wanted.memory_mib,
        wanted.disk_mib,
        spec.max_price.0,
        spec.timeout.0,
        spec.coin
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use cyxwiz_model::{GpuType, Requirements, Wasm};

    use super::*;

    const NOW: Moment = Moment(1_000_000);

    fn spec() -> JobSpec {
        JobSpec {
            name: "a".to_owned(),
            workload: Workload::Wasm(Wasm {
                artifact: "a.wasm".parse().unwrap(),
                args: vec![],
                deterministic: true,
            }),
            requirements: Requirements {
                gpu: Wanted::Type(GpuType::cpu()),
                min_vram_mib: 0,
                cpu_milli: 1000,
                memory_mib: 1024,
                disk_mib: 1024,
            },
            max_price: HourlyPrice(1_000_000),
            timeout: Span::seconds(60),
            coin: Coin::Usdc,
            max_attempts: 3,
            env: BTreeMap::new(),
            expected_outputs: vec![],
            data_urls: vec![],
        }
    }

    fn quoted() -> Quoted {
        let rate = HourlyRate { coin: Coin::Usdc, base_units: 50_000 };
        Quoted { price: HourlyPrice(50_000), rate, micro_usd_per_sol: 0, expires_at: NOW.plus(QUOTE_LIFE) }
    }

    #[test]
    fn a_quote_comes_back_as_it_was_made_for_a_minute() {
        let (key, quoted, spec) = (QuoteKey(b"key"), quoted(), spec());
        let wire = key.sign(&quoted, &spec);
        assert_eq!(key.read(&wire, &spec, NOW).unwrap(), quoted);
        assert_eq!(key.read(&wire, &spec, quoted.expires_at).unwrap(), quoted);
        assert!(key.read(&wire, &spec, quoted.expires_at.plus(Span(1))).is_err());
    }

    #[test]
    fn a_forged_or_foreign_quote_is_refused() {
        let (key, quoted, spec) = (QuoteKey(b"key"), quoted(), spec());
        let wire = key.sign(&quoted, &spec);
        assert!(QuoteKey(b"other").read(&wire, &spec, NOW).is_err());
        let mut cheaper = wire.clone();
        cheaper.base_units_per_hour -= 1;
        assert!(key.read(&cheaper, &spec, NOW).is_err());
        let mut later = wire.clone();
        later.expires_at = timestamp(NOW.plus(Span::seconds(3600))).into();
        assert!(key.read(&later, &spec, NOW).is_err());
        let mut dearer = spec.clone();
        dearer.requirements.memory_mib *= 2;
        assert!(key.read(&wire, &dearer, NOW).is_err());
        let mut renamed = spec;
        renamed.name = "b".to_owned();
        assert!(key.read(&wire, &renamed, NOW).is_ok());
        assert!(key.read(&v1::Quote::default(), &renamed, NOW).is_err());
    }
}
