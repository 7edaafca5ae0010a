use crate::{Amount, Refusal};

/// Ten-thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BasisPoints(pub u16);

/// The whole.
const WHOLE: u64 = 10_000;

/// The highest fee that an admin, or the thief of the admin's key, can set.
pub const MAX_FEE: BasisPoints = BasisPoints(3_000);

/// Who gets what of a deposit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// To the payee.
    pub node: Amount,
    /// To the treasury.
    pub platform: Amount,
    /// Back to the buyer.
    pub refund: Amount,
}

impl Split {
    /// Divides `deposit` after a charge: `node = ⌊charged × (10000 − fee) ÷ 10000⌋`, the rest of the charge to the
    /// platform, the rest of the deposit back.
    ///
    /// # Errors
    /// [`Refusal::ChargeAboveDeposit`], [`Refusal::FeeTooHigh`]
    pub fn of(deposit: Amount, charged: Amount, fee: BasisPoints) -> Result<Self, Refusal> {
        if fee > MAX_FEE {
            return Err(Refusal::FeeTooHigh);
        }
        let refund = deposit.minus(charged, Refusal::ChargeAboveDeposit)?;
        let node = Amount(share(charged.0, WHOLE - u64::from(fee.0)));
        // A node's share above the charge would wrap here, and not add up.
        let platform = Amount(charged.0.wrapping_sub(node.0));
        Self { node, platform, refund }.adds_up_to(deposit)
    }

    /// The split itself, if it hands out a deposit to the unit: no mistake in the formula can pay more or less.
    ///
    /// # Errors
    /// [`Refusal::SplitBroken`]
    pub fn adds_up_to(self, deposit: Amount) -> Result<Self, Refusal> {
        let sum = self.charged().and_then(|charged| charged.plus(self.refund));
        if sum == Ok(deposit) { Ok(self) } else { Err(Refusal::SplitBroken) }
    }

    /// What leaves the buyer's balance.
    ///
    /// # Errors
    /// [`Refusal::Overflow`]
    pub fn charged(&self) -> Result<Amount, Refusal> {
        self.node.plus(self.platform)
    }
}

/// `⌊amount × parts ÷ 10000⌋` for `parts ≤ 10000`, exactly and without a product over 64 bits, for which the
/// chain's processor has no instruction: with `amount = 10000 q + r` it is `q × parts + ⌊r × parts ÷ 10000⌋`,
/// where the first term is at most `amount` and the second product is below `10^8`.
fn share(amount: u64, parts: u64) -> u64 {
    let (quotient, rest) = (amount / WHOLE, amount % WHOLE);
    quotient.wrapping_mul(parts).wrapping_add(rest.wrapping_mul(parts) / WHOLE)
}
