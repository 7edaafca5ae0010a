//! Whether the terms that a server names are the buyer's own, before his key signs anything. Pure.

use cyxwiz_chain::escrow::Address;
use cyxwiz_chain::escrow::policy::{self, Amount, Config, ConfigVersion, Order, UnixTime};
use cyxwiz_model::{
    Coin, HourlyPrice, HourlyRate, JobId, JobSpec, Moment, Money, SolRate, Span, latest_start,
};
use cyxwiz_proto::coin_of;
use cyxwiz_proto::v1::{Quote, Terms};

/// Server and chain need not have the same second.
const SLACK: i64 = 30 * 60;
/// What must be left for finding a node; a draft may have waited long for its files.
const QUEUE: Span = Span::seconds(3600);

/// What the buyer knows by himself: what he asked for, and what the chain says.
#[derive(Clone, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) job: JobId,
    pub(crate) program: Address,
    pub(crate) config: &'a Config<Address>,
    pub(crate) mint: Address,
    pub(crate) deposit: Money,
    pub(crate) limit: Money,
    pub(crate) timeout: Span,
    /// By the chain's clock.
    pub(crate) now: UnixTime,
}

/// What differs. Nothing was signed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TermsError {
    #[error("the server names {says} as {what} of this job's escrow, {wanted} is right: nothing was signed")]
    Differs { what: &'static str, says: String, wanted: String },
    #[error(
        "this job's escrow would end in {says} s, enough for its run and at most {to} s is right: nothing was signed"
    )]
    Deadline { says: i64, to: i64 },
    #[error("the escrow program takes no new jobs now: try again later")]
    Paused,
    #[error("the escrow program does not take {0} now: choose another with --coin")]
    Coin(Coin),
    #[error("the server quotes {says} base units an hour for {price}, {wanted} is right: nothing was signed")]
    Rate { says: u64, price: HourlyPrice, wanted: u64 },
    #[error("the server quotes {says}, above the limit of {limit}: nothing was signed")]
    AboveLimit { says: HourlyPrice, limit: HourlyPrice },
    #[error("the server quotes no rate that could be counted with: nothing was signed")]
    NoRate,
}

/// The order that may be signed.
pub(crate) fn check(terms: &Terms, expected: &Expected<'_>) -> Result<Order, TermsError> {
    let config = expected.config;
    if config.paused {
        return Err(TermsError::Paused);
    }
    let coin = expected.deposit.coin;
    if !config.mints.allows(expected.mint) {
        return Err(TermsError::Coin(coin));
    }
    let text = |what, says: &dyn ToString, wanted: &dyn ToString| {
        let (says, wanted): (String, _) = (says.to_string().chars().take(100).collect(), wanted.to_string());
        if says == wanted { Ok(()) } else { Err(TermsError::Differs { what, says, wanted }) }
    };
    text("the job", &hex::encode(&terms.escrow_job_id), &hex::encode(expected.job.as_bytes()))?;
    text("the coin", &coin_of(terms.coin).map_or_else(|| "none".to_owned(), |coin| coin.to_string()), &coin)?;
    let money = |base_units| Money::new(coin, base_units);
    text("the deposit", &money(terms.deposit), &expected.deposit)?;
    text("the limit", &money(terms.limit), &expected.limit)?;
    text("the program", &terms.program, &expected.program)?;
    text("the settle key", &terms.settle_key, &config.settle_key)?;
    text("the treasury", &terms.treasury, &config.treasury)?;
    text("the platform's part", &terms.fee_bps, &config.fee.0)?;
    text("the configuration", &terms.config_version, &config.version.0)?;
    deadline(terms.expire_at, expected)?;
    Ok(Order {
        job: policy::JobId(*expected.job.as_bytes()),
        deposit: Amount(terms.deposit),
        limit: Amount(terms.limit),
        expire_at: UnixTime(terms.expire_at),
        config_version: ConfigVersion(terms.config_version),
    })
}

/// Late enough for the run, and no later than the platform needs: until then the money is set aside.
fn deadline(expire_at: i64, expected: &Expected<'_>) -> Result<(), TermsError> {
    let now = expected.now.0;
    let moment = |seconds: i64| Moment(seconds.saturating_mul(1000));
    let start = latest_start(moment(expire_at), expected.timeout);
    let to = cyxwiz_model::expire_at(moment(now), expected.timeout).seconds().saturating_add(SLACK);
    if start >= moment(now).plus(QUEUE) && expire_at <= to {
        return Ok(());
    }
    let after = |time: i64| time.saturating_sub(now);
    Err(TermsError::Deadline { says: after(expire_at), to: after(to) })
}

/// What an hour costs by this quote, if it is the price that it says, within the buyer's limit.
pub(crate) fn rate(quote: &Quote, spec: &JobSpec) -> Result<HourlyRate, TermsError> {
    let price = HourlyPrice(quote.micro_usd_per_hour);
    if price > spec.max_price {
        return Err(TermsError::AboveLimit { says: price, limit: spec.max_price });
    }
    let coin = coin_of(quote.coin).filter(|coin| *coin == spec.coin).ok_or(TermsError::NoRate)?;
    let sol = SolRate { micro_usd: quote.micro_usd_per_sol, at: Moment(0) };
    let rate = HourlyRate::of(price, coin, Some(sol), Moment(0)).map_err(|_| TermsError::NoRate)?;
    if rate.base_units == quote.base_units_per_hour {
        Ok(rate)
    } else {
        Err(TermsError::Rate { says: quote.base_units_per_hour, price, wanted: rate.base_units })
    }
}

#[cfg(test)]
mod tests {
    use cyxwiz_chain::escrow::NATIVE;
    use cyxwiz_model::BasisPoints;
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn address(byte: u8) -> Address {
        Address::new_from_array([byte; 32])
    }

    fn config() -> Config<Address> {
        let config = Config::new(address(1), address(2), address(3), BasisPoints(1000)).unwrap();
        config.set_mint(address(1), address(9), true).unwrap()
    }

    fn expected(config: &Config<Address>) -> Expected<'_> {
        Expected {
            job: JobId::from_bytes([7; 16]),
            program: address(8),
            config,
            mint: address(9),
            deposit: Money::new(Coin::Usdc, 50_000),
            limit: Money::new(Coin::Usdc, 90_000),
            timeout: Span::seconds(3600),
            now: UnixTime(NOW),
        }
    }

    fn terms() -> Terms {
        Terms {
            escrow_job_id: vec![7; 16],
            coin: cyxwiz_proto::v1::Coin::Usdc.into(),
            deposit: 50_000,
            limit: 90_000,
            expire_at: cyxwiz_model::expire_at(Moment(NOW * 1000), Span::seconds(3600)).seconds(),
            config_version: 1,
            program: address(8).to_string(),
            settle_key: address(2).to_string(),
            treasury: address(3).to_string(),
            fee_bps: 1000,
            ..Default::default()
        }
    }

    #[test]
    fn our_own_terms_become_an_order() {
        let order = check(&terms(), &expected(&config())).unwrap();
        assert_eq!((order.job.0, order.deposit.0, order.limit.0), ([7; 16], 50_000, 90_000));
        assert_eq!((order.config_version.0, order.expire_at.0), (1, terms().expire_at));
    }

    #[test]
    fn a_program_that_takes_nothing_is_told_apart() {
        let paused = Config { paused: true, ..config() };
        assert_eq!(check(&terms(), &expected(&paused)), Err(TermsError::Paused));
        let config = config();
        let other = Expected { mint: NATIVE, ..expected(&config) };
        assert_eq!(check(&terms(), &other), Err(TermsError::Coin(Coin::Usdc)));
    }

    #[test]
    fn what_differs_is_named() {
        let say = |change: fn(&mut Terms)| {
            let mut terms = terms();
            change(&mut terms);
            check(&terms, &expected(&config())).unwrap_err().to_string()
        };
        let said = [
            say(|terms| terms.escrow_job_id = vec![]),
            say(|terms| terms.coin = cyxwiz_proto::v1::Coin::Sol.into()),
            say(|terms| terms.deposit += 1),
            say(|terms| terms.limit = u64::MAX),
            say(|terms| terms.expire_at += 86_400),
            say(|terms| terms.expire_at = 0),
            say(|terms| terms.config_version = 2),
            say(|terms| terms.program = "x".repeat(200)),
            say(|terms| terms.settle_key = address(4).to_string()),
            say(|terms| terms.treasury = address(4).to_string()),
            say(|terms| terms.fee_bps = 1001),
        ];
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn a_quote_is_counted_again() {
        let spec = crate::folder::spec_for_tests(HourlyPrice(800_000), Coin::Sol);
        let quote = |price, units, sol| Quote {
            coin: cyxwiz_proto::v1::Coin::Sol.into(),
            micro_usd_per_hour: price,
            base_units_per_hour: units,
            micro_usd_per_sol: sol,
            ..Default::default()
        };
        assert_eq!(rate(&quote(800_000, 5_000_000, 160_000_000), &spec).unwrap().base_units, 5_000_000);
        let say = |quote| rate(&quote, &spec).unwrap_err().to_string();
        assert_eq!(
            say(quote(800_000, 5_000_001, 160_000_000)),
            "the server quotes 5000001 base units an hour for 0.80 $/h, 5000000 is right: nothing was signed"
        );
        assert_eq!(
            say(quote(800_001, 5_000_000, 160_000_000)),
            "the server quotes 0.800001 $/h, above the limit of 0.80 $/h: nothing was signed"
        );
        assert_eq!(say(quote(800_000, 5_000_000, 0)), TermsError::NoRate.to_string());
    }

    proptest! {
        #[test]
        fn any_field_that_differs_is_refused(which in 0..10_usize, number: u64, bytes: [u8; 16], key: [u8; 32]) {
            let (good, mut changed) = (terms(), terms());
            let key = Address::new_from_array(key).to_string();
            match which {
                0 => changed.escrow_job_id = bytes.to_vec(),
                1 => changed.coin = buffa::EnumValue::from(i32::try_from(number % 4).unwrap()),
                2 => changed.deposit = number,
                3 => changed.limit = number,
                4 => changed.expire_at = NOW + i64::try_from(number % 400_000).unwrap() - 100_000,
                5 => changed.config_version = u32::try_from(number % (1 << 32)).unwrap(),
                6 => changed.program = key,
                7 => changed.settle_key = key,
                8 => changed.treasury = key,
                _ => changed.fee_bps = u32::try_from(number % (1 << 32)).unwrap(),
            }
            // late enough to run, and no later than the platform needs
            let near = which == 4 && (NOW + 3 * 3600..=good.expire_at + SLACK).contains(&changed.expire_at);
            let config = config();
            let result = check(&changed, &expected(&config));
            prop_assert_eq!(result.is_ok(), changed == good || near);
        }
    }
}
