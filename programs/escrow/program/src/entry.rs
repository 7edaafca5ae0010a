//! Where the chain comes in.

#[cfg(any(target_os = "solana", target_arch = "bpf"))]
mod chain {
    /// One more account than the longest instruction wants: a longer list is seen to be too long.
    const MAX_ACCOUNTS: usize = 10;

    pinocchio::program_entrypoint!(crate::dispatch, MAX_ACCOUNTS);
    pinocchio::nostd_panic_handler!();
}
