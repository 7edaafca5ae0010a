//! Little-endian fields in a fixed order. What is short, long or unknown is refused.

use cyxwiz_escrow_policy::{Amount, BasisPoints, ConfigVersion, Epoch, JobId, UnixTime};
use solana_address::Address;

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutError {
    /// Too short or too long.
    Length,
    /// Another kind of account or event, or an unknown instruction.
    Kind,
    /// A version that this code does not know.
    Version,
    /// A field holds what it never may.
    Value,
}

impl core::fmt::Display for LayoutError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Length => "the data is too short or too long",
            Self::Kind => "the data is of another kind",
            Self::Version => "the data has an unknown version",
            Self::Value => "a field holds a value that it never may",
        })
    }
}

impl core::error::Error for LayoutError {}

/// Reads fields one after the other.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl Reader<'_> {
    #[inline(always)]
    pub(crate) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], LayoutError> {
        let (field, rest) = self.0.split_first_chunk::<N>().ok_or(LayoutError::Length)?;
        self.0 = rest;
        Ok(*field)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, LayoutError> {
        self.bytes::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, LayoutError> {
        self.bytes().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, LayoutError> {
        self.bytes().map(u32::from_le_bytes)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, LayoutError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(LayoutError::Value),
        }
    }

    pub(crate) fn address(&mut self) -> Result<Address, LayoutError> {
        self.bytes().map(Address::new_from_array)
    }

    pub(crate) fn amount(&mut self) -> Result<Amount, LayoutError> {
        self.bytes().map(|bytes| Amount(u64::from_le_bytes(bytes)))
    }

    pub(crate) fn time(&mut self) -> Result<UnixTime, LayoutError> {
        self.bytes().map(|bytes| UnixTime(i64::from_le_bytes(bytes)))
    }

    pub(crate) fn fee(&mut self) -> Result<BasisPoints, LayoutError> {
        self.u16().map(BasisPoints)
    }

    pub(crate) fn epoch(&mut self) -> Result<Epoch, LayoutError> {
        self.u32().map(Epoch)
    }

    pub(crate) fn version(&mut self) -> Result<ConfigVersion, LayoutError> {
        self.u32().map(ConfigVersion)
    }

    pub(crate) fn job(&mut self) -> Result<JobId, LayoutError> {
        self.bytes().map(JobId)
    }

    pub(crate) fn zero<const N: usize>(&mut self) -> Result<(), LayoutError> {
        if self.bytes::<N>()? == [0; N] { Ok(()) } else { Err(LayoutError::Value) }
    }

    pub(crate) fn end(&self) -> Result<(), LayoutError> {
        if self.0.is_empty() { Ok(()) } else { Err(LayoutError::Length) }
    }
}

/// Writes fields one after the other into a buffer that has room for them all.
pub(crate) struct Writer<'a> {
    rest: &'a mut [u8],
    fits: bool,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(buffer: &'a mut [u8]) -> Self {
        Self { rest: buffer, fits: true }
    }

    #[inline(always)]
    pub(crate) fn bytes<const N: usize>(&mut self, field: &[u8; N]) {
        match core::mem::take(&mut self.rest).split_first_chunk_mut::<N>() {
            Some((slot, rest)) => {
                *slot = *field;
                self.rest = rest;
            }
            None => self.fits = false,
        }
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.bytes(&value.to_le_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    pub(crate) fn address(&mut self, value: &Address) {
        self.bytes(value.as_array());
    }

    /// How many bytes of the buffer are left; nothing, if a field did not fit.
    pub(crate) fn left(&self) -> Option<usize> {
        self.fits.then_some(self.rest.len())
    }
}
