use crate::Refusal;

/// A number of base units of one mint: lamports, or millionths of a USDC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub u64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The sum, if it can be written down.
    ///
    /// # Errors
    /// [`Refusal::Overflow`]
    pub fn plus(self, other: Self) -> Result<Self, Refusal> {
        self.0.checked_add(other.0).map(Self).ok_or(Refusal::Overflow)
    }

    /// The difference, if it is not negative; `refusal` says what that would mean.
    ///
    /// # Errors
    /// `refusal`
    pub fn minus(self, other: Self, refusal: Refusal) -> Result<Self, Refusal> {
        self.0.checked_sub(other.0).map(Self).ok_or(refusal)
    }

    /// The amount itself, unless it is nothing.
    ///
    /// # Errors
    /// [`Refusal::AmountZero`]
    pub fn some(self) -> Result<Self, Refusal> {
        if self == Self::ZERO { Err(Refusal::AmountZero) } else { Ok(self) }
    }
}
