//! How often one address, account or node may call.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use cyxwiz_proto::v1::Reason;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use http::request::Parts;
use uuid::Uuid;

use crate::config::LimitConfig;
use crate::db::DbId as _;
use crate::{Caller, Refusal};

/// What counts together.
type Limiter<K> = Arc<DefaultKeyedRateLimiter<K>>;

/// The buckets of one server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Limits {
    addresses: Limiter<IpAddr>,
    accounts: Limiter<Uuid>,
}

impl Limits {
    /// Full buckets.
    #[must_use]
    pub fn new(config: LimitConfig) -> Self {
        let addresses = Arc::new(RateLimiter::keyed(Quota::per_minute(config.per_address)));
        let accounts = Arc::new(RateLimiter::keyed(Quota::per_minute(config.per_account)));
        Self { addresses, accounts }
    }

    /// A refusal, where this caller calls too often.
    pub(crate) fn check(&self, caller: &Caller, request: &Parts, behind_proxy: bool) -> Option<Refusal> {
        let (wait, whose) = match caller {
            Caller::Buyer(buyer) => (over(&self.accounts, &buyer.account.uuid()), "this account"),
            Caller::Node(node) => (over(&self.accounts, &node.node.uuid()), "this node"),
            Caller::Nobody | Caller::Stranger => {
                let address = address_of(request, behind_proxy)?;
                (over(&self.addresses, &bucket(address)), "this address")
            }
        };
        let wait = wait?;
        // whole seconds, as people and `Retry-After` count
        let wait = Duration::from_secs(wait.as_secs().saturating_add(1));
        Some(
            Refusal::new(Reason::REASON_RATE_LIMITED, format!("{whose} calls too often"))
                .mend(format!("come back in {} s", wait.as_secs()))
                .retry_after(wait),
        )
    }

    /// Forgets who has not called for long.
    pub fn sweep(&self) {
        self.addresses.retain_recent();
        self.accounts.retain_recent();
    }
}

fn over<K: std::hash::Hash + Eq + Clone>(limiter: &Limiter<K>, key: &K) -> Option<Duration> {
    let refused = limiter.check_key(key).err()?;
    Some(refused.wait_time_from(DefaultClock::default().now()))
}

/// Who sent a request: the connection's other end, or the last address that the proxy in front added.
fn address_of(request: &Parts, behind_proxy: bool) -> Option<IpAddr> {
    if behind_proxy {
        let forwarded = request.headers.get_all("x-forwarded-for").iter().next_back();
        let last = forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        if last.is_some() {
            return last;
        }
    }
    request.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip())
}

/// One subscriber has a whole /64 of IPv6.
fn bucket(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn request(from: &str, forwarded: Option<&str>) -> Parts {
        let address: SocketAddr = from.parse().unwrap();
        let mut request = http::Request::builder().extension(ConnectInfo(address));
        if let Some(forwarded) = forwarded {
            request = request.header("x-forwarded-for", forwarded);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn limits(n: u32) -> Limits {
        let n = NonZeroU32::new(n).unwrap();
        Limits::new(LimitConfig { per_address: n, per_account: n })
    }

    #[test]
    fn the_burst_passes_and_the_next_call_is_told_when() {
        let limits = limits(3);
        let mut refused = None;
        for _ in 0..4 {
            refused = limits.check(&Caller::Nobody, &request("1.2.3.4:5", None), false);
        }
        let refused = refused.unwrap();
        assert_eq!(refused.reason, Reason::REASON_RATE_LIMITED);
        assert!(refused.retry_after.unwrap() <= Duration::from_secs(21));
        assert!(limits.check(&Caller::Nobody, &request("1.2.3.5:5", None), false).is_none());
    }

    #[test]
    fn a_forwarded_address_counts_only_behind_a_proxy() {
        let spoofed = request("1.1.1.1:1", Some("9.9.9.9, 8.8.8.8"));
        assert_eq!(address_of(&spoofed, false), Some("1.1.1.1".parse().unwrap()));
        assert_eq!(address_of(&spoofed, true), Some("8.8.8.8".parse().unwrap()));
    }

    #[test]
    fn a_whole_network_of_ipv6_is_one_caller() {
        assert_eq!(
            bucket("2001:db8:1:2:3:4:5:6".parse().unwrap()),
            "2001:db8:1:2::".parse::<IpAddr>().unwrap()
        );
        assert_eq!(bucket("::ffff:1.2.3.4".parse().unwrap()), "1.2.3.4".parse::<IpAddr>().unwrap());
    }
}
