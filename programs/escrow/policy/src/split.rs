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
        let platform = charged.minus(node, Refusal::SplitBroken)?;
        let split = Self { node, platform, refund };
        if node.plus(platform)?.plus(refund)? != deposit {
            return Err(Refusal::SplitBroken);
        }
        Ok(split)
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
