//! Limits on guessing passwords, per account and per address (TRUST.md SEC-11).
//!
//! Each account and each address has an allowance of wrong passwords that refills steadily. An
//! address that logged in to an account before is not held back by what strangers do to that
//! account, so guessing cannot lock its owner out.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use parking_lot::Mutex;

use crate::{AccountError, AttemptLimits};

/// Above this, allowances that are full again are forgotten.
const TRACKED_MAX: usize = 10_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    Account(String),
    Address(IpAddr),
}

#[derive(Debug, Default)]
struct State {
    /// When the allowance is full again, in monotonic time.
    full_at: HashMap<Subject, Duration>,
    familiar: HashSet<(String, IpAddr)>,
}

/// Counts attempts to log in.
#[derive(Debug)]
pub(crate) struct Attempts {
    limits: AttemptLimits,
    state: Mutex<State>,
}

impl Attempts {
    pub(crate) fn new(limits: AttemptLimits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
        }
    }

    /// Takes one attempt out of the allowances, before the password is looked at, so that many
    /// attempts at once cannot all slip through.
    pub(crate) fn begin(
        &self,
        account: &str,
        address: Option<IpAddr>,
        now: Duration,
    ) -> Result<(), AccountError> {
        let mut state = self.state.lock();
        let subjects = self.subjects(&state, account, address);
        for (subject, limit) in &subjects {
            let waiting = state
                .full_at
                .get(subject)
                .map_or(Duration::ZERO, |full_at| full_at.saturating_sub(now));
            let spent_after = waiting.saturating_add(self.limits.refill);
            let bound = self.limits.refill.saturating_mul(*limit);
            if spent_after > bound {
                return Err(AccountError::TooManyRequests {
                    what: "wrong passwords",
                    retry_after: spent_after.saturating_sub(bound),
                });
            }
        }
        if state.full_at.len() >= TRACKED_MAX {
            state.full_at.retain(|_, full_at| *full_at > now);
        }
        for (subject, _) in subjects {
            let full_at = state.full_at.entry(subject).or_insert(now);
            *full_at = (*full_at).max(now).saturating_add(self.limits.refill);
        }
        Ok(())
    }

    /// The password was right: the attempt is given back, and the address is remembered.
    pub(crate) fn succeed(&self, account: &str, address: Option<IpAddr>, now: Duration) {
        self.give_back(account, address, now);
        let mut state = self.state.lock();
        if let Some(address) = address {
            if state.familiar.len() >= TRACKED_MAX {
                state.familiar.clear();
            }
            state
                .familiar
                .insert((account.to_owned(), network(address)));
        }
    }

    /// The password was not looked at after all.
    pub(crate) fn give_back(&self, account: &str, address: Option<IpAddr>, now: Duration) {
        let mut state = self.state.lock();
        for (subject, _) in self.subjects(&state, account, address) {
            if let Some(full_at) = state.full_at.get_mut(&subject) {
                *full_at = full_at.saturating_sub(self.limits.refill).max(now);
            }
        }
    }

    fn subjects(
        &self,
        state: &State,
        account: &str,
        address: Option<IpAddr>,
    ) -> Vec<(Subject, u32)> {
        let address = address.map(network);
        let familiar =
            address.is_some_and(|address| state.familiar.contains(&(account.to_owned(), address)));
        let mut subjects = Vec::with_capacity(2);
        if !familiar {
            subjects.push((
                Subject::Account(account.to_owned()),
                self.limits.per_account,
            ));
        }
        if let Some(address) = address {
            subjects.push((Subject::Address(address), self.limits.per_address));
        }
        subjects
    }
}

/// One customer has a whole /64 of IPv6 addresses.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(
            || IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
            IpAddr::V4,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn attempts() -> Attempts {
        Attempts::new(AttemptLimits {
            per_account: 3,
            per_address: 5,
            refill: Duration::from_secs(10),
        })
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn sec_11_an_account_bears_so_many_and_recovers() {
        let attempts = attempts();
        for last in 0..3 {
            attempts.begin("ada", Some(address(last)), SECOND).unwrap();
        }
        let error = attempts.begin("ada", Some(address(9)), SECOND).unwrap_err();
        assert_eq!(error.retry_after_seconds(), Some(10));
        attempts.begin("bob", Some(address(9)), SECOND).unwrap();
        attempts
            .begin("ada", Some(address(9)), 11 * SECOND)
            .unwrap();
        attempts
            .begin("ada", Some(address(9)), 12 * SECOND)
            .unwrap_err();
    }

    #[test]
    fn sec_11_an_address_bears_so_many_over_all_accounts() {
        let attempts = attempts();
        for account in ["a", "b", "c", "d", "e"] {
            attempts.begin(account, Some(address(1)), SECOND).unwrap();
        }
        attempts.begin("f", Some(address(1)), SECOND).unwrap_err();
        attempts.begin("f", Some(address(2)), SECOND).unwrap();
    }

    #[test]
    fn sec_11_strangers_do_not_lock_the_owner_out() {
        let attempts = attempts();
        attempts.begin("ada", Some(address(1)), SECOND).unwrap();
        attempts.succeed("ada", Some(address(1)), SECOND);
        for last in 10..13 {
            attempts.begin("ada", Some(address(last)), SECOND).unwrap();
        }
        attempts
            .begin("ada", Some(address(14)), SECOND)
            .unwrap_err();
        attempts.begin("ada", Some(address(1)), SECOND).unwrap();
    }

    #[test]
    fn right_passwords_cost_nothing() {
        let attempts = attempts();
        for _ in 0..100 {
            attempts.begin("ada", Some(address(1)), SECOND).unwrap();
            attempts.succeed("ada", Some(address(1)), SECOND);
        }
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let attempts = attempts();
        for last in 0..5_u16 {
            let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last);
            attempts
                .begin(&last.to_string(), Some(address.into()), SECOND)
                .unwrap();
        }
        let other = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 9, 9, 9, 9);
        attempts.begin("x", Some(other.into()), SECOND).unwrap_err();
        let elsewhere = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 1);
        attempts.begin("x", Some(elsewhere.into()), SECOND).unwrap();
    }
}
