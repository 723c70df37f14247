//! Rates of senders: a public form takes so many requests of one address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use leadloop_config::plan::SourcePlan;

/// Addresses remembered per source before those at rest are forgotten.
const ADDRESSES: usize = 10_000;

type PerAddress = Arc<DefaultKeyedRateLimiter<IpAddr>>;

/// Rates of senders, by source.
#[derive(Default)]
pub struct Rates {
    sources: Mutex<BTreeMap<String, PerAddress>>,
}

impl Rates {
    /// Whether one more request of this address is taken.
    pub fn passes(&self, source: &SourcePlan, address: IpAddr) -> bool {
        let Some((requests, within)) = source.rate_limit else { return true };
        let Some(requests) = NonZeroU32::new(requests) else { return true };
        let limiter = {
            let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(sources.entry(source.name.to_string()).or_insert_with(|| {
                let quota = Quota::with_period(within.to_std() / requests.get())
                    .unwrap_or(Quota::per_minute(requests));
                Arc::new(RateLimiter::keyed(quota.allow_burst(requests)))
            }))
        };
        if limiter.len() > ADDRESSES {
            limiter.retain_recent();
        }
        limiter.check_key(&address).is_ok()
    }
}
