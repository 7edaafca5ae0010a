//! What was told already.

use std::collections::{HashMap, HashSet, VecDeque};

use cyxwiz_escrow_interface::Address;
use solana_account::Account;
use solana_signature::Signature;

use crate::send::Slot;

/// Notifications of one slot may come in any order, and those of neighbouring slots nearly so. The signature from
/// which a gap is filled is this much older than the newest, and what comes twice is told once.
const DISORDER: u64 = 64;

/// Signatures that are remembered: more than a gap fill ever lists, so that what is forgotten is not listed.
const REMEMBERED: usize = 131_072;

/// What was told already.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    anchor: Option<Signature>,
    /// Everything before this slot was told, and is not remembered one by one.
    told_before: Slot,
    recent: VecDeque<(Slot, Signature)>,
    known: HashSet<Signature>,
    newest: Slot,
    accounts: HashMap<Address, (Slot, Option<Account>)>,
}

impl Progress {
    /// Everything up to `since` is known.
    pub(crate) fn since(since: Option<Signature>) -> Self {
        Self { anchor: since, known: since.into_iter().collect(), ..Self::default() }
    }

    /// From where to fill a gap: everything at and before it was told.
    pub(crate) fn anchor(&self) -> Option<Signature> {
        self.anchor
    }

    /// Whether a transaction was told already.
    pub(crate) fn knows(&self, slot: Slot, signature: &Signature) -> bool {
        slot < self.told_before || self.known.contains(signature)
    }

    /// Notes a transaction as told; only then, so that a consumer that went away loses nothing.
    pub(crate) fn told(&mut self, slot: Slot, signature: Signature) {
        if self.known.insert(signature) {
            self.recent.push_back((slot, signature));
            self.newest = self.newest.max(slot);
        }
        while self.recent.len() > REMEMBERED {
            if let Some((_, signature)) = self.recent.pop_front() {
                self.known.remove(&signature);
            }
        }
    }

    /// Moves the anchor. Only while the feed is whole: before a gap is filled, something older may be missing.
    pub(crate) fn settle(&mut self) {
        let safe = Slot(self.newest.0.saturating_sub(DISORDER));
        let anchor = self.recent.iter().filter(|(slot, _)| *slot < safe).max_by_key(|(slot, _)| *slot);
        if let Some((slot, signature)) = anchor.copied() {
            self.anchor = Some(signature);
            self.told_before = self.told_before.max(slot);
            // of the anchor's own slot all stay: their order within it is not known
            self.forget(slot);
        }
    }

    fn forget(&mut self, before: Slot) {
        let known = &mut self.known;
        self.recent.retain(|(slot, signature)| {
            let keep = *slot >= before;
            if !keep {
                known.remove(signature);
            }
            keep
        });
    }

    /// Whether this is news about an account; then it counts as told.
    pub(crate) fn account(&mut self, address: Address, slot: Slot, account: &Option<Account>) -> bool {
        match self.accounts.get(&address) {
            Some((told, same)) if slot < *told || same == account => false,
            _ => {
                self.accounts.insert(address, (slot, account.clone()));
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn signature(number: usize) -> Signature {
        let mut bytes = [1; 64];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Signature::from(bytes)
    }

    fn account(lamports: u64) -> Option<Account> {
        Some(Account { lamports, ..Account::default() })
    }

    #[test]
    fn an_account_never_goes_back() {
        let mut progress = Progress::default();
        let address = Address::default();
        assert!(progress.account(address, Slot(5), &account(1)));
        assert!(!progress.account(address, Slot(6), &account(1)));
        assert!(!progress.account(address, Slot(4), &account(2)));
        assert!(progress.account(address, Slot(5), &account(3)));
        assert!(progress.account(address, Slot(7), &None));
        assert!(!progress.account(address, Slot(8), &None));
    }

    proptest! {
        /// A chain of transactions, told live with losses and disorder, cut at random, filled from the anchor: each
        /// is told once, and none is left out.
        #[test]
        fn every_transaction_is_told_once(
            gaps in prop::collection::vec(0_u64..40, 1..120),
            swaps in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
            lost in prop::collection::vec(any::<bool>(), 120),
            cuts in prop::collection::vec(any::<bool>(), 120),
        ) {
            let mut slot = 0;
            let chain: Vec<(Slot, Signature)> = gaps.iter().enumerate().map(|(number, gap)| {
                slot += gap;
                (Slot(slot), signature(number))
            }).collect();
            // neighbours of one slot, or of slots close by, come in another order
            let mut live: Vec<usize> = (0..chain.len()).collect();
            for swap in swaps {
                let at = swap.index(live.len());
                if at + 1 < live.len() && chain[live[at + 1]].0.0.abs_diff(chain[live[at]].0.0) < DISORDER / 4 {
                    live.swap(at, at + 1);
                }
            }
            let mut progress = Progress::default();
            let mut told = Vec::new();
            let mut highest = 0;
            let mut whole = true;
            for (step, number) in live.into_iter().enumerate() {
                highest = highest.max(number);
                // a cut loses notifications, and only a cut does
                if cuts[step] { whole = false; }
                if whole || !lost[step] {
                    let (slot, signature) = chain[number];
                    if !progress.knows(slot, &signature) {
                        progress.told(slot, signature);
                        told.push(number);
                    }
                }
                if !cuts[step] && !whole {
                    fill(&mut progress, &chain[..=highest], &mut told);
                    whole = true;
                }
                if whole { progress.settle(); }
            }
            fill(&mut progress, &chain, &mut told);
            let once: BTreeSet<usize> = told.iter().copied().collect();
            prop_assert_eq!(once.len(), told.len(), "told twice");
            prop_assert_eq!(once.len(), chain.len(), "left out");
        }
    }

    fn fill(progress: &mut Progress, chain: &[(Slot, Signature)], told: &mut Vec<usize>) {
        let anchor = progress.anchor();
        let start = chain.iter().position(|(_, signature)| Some(*signature) == anchor).map_or(0, |at| at + 1);
        for (number, (slot, signature)) in chain.iter().enumerate().skip(start) {
            if !progress.knows(*slot, signature) {
                progress.told(*slot, *signature);
                told.push(number);
            }
        }
    }
}
