//! The seeds of the program's addresses.

/// Of the configuration: alone.
pub const CONFIG: &[u8] = b"config";

/// Of a balance: before owner and mint.
pub const BALANCE: &[u8] = b"balance";

/// Of a balance's vault: before the balance.
pub const VAULT: &[u8] = b"vault";

/// Of an escrow: before buyer and job.
pub const ESCROW: &[u8] = b"escrow";
