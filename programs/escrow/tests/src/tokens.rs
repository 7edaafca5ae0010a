use cyxwiz_escrow_interface::Address;

/// A mint's data, as the classic token program keeps it: no mint authority needed, 6 decimals.
pub fn mint_data(freezer: Option<Address>) -> Vec<u8> {
    let mut data = vec![0; 82];
    data[36..44].copy_from_slice(&u64::MAX.to_le_bytes());
    data[44] = 6;
    data[45] = 1;
    if let Some(freezer) = freezer {
        data[46] = 1;
        data[50..82].copy_from_slice(freezer.as_array());
    }
    data
}

/// A token account's data.
pub fn token_data(mint: &Address, owner: &Address, amount: u64) -> Vec<u8> {
    let mut data = vec![0; 165];
    data[..32].copy_from_slice(mint.as_array());
    data[32..64].copy_from_slice(owner.as_array());
    data[64..72].copy_from_slice(&amount.to_le_bytes());
    data[108] = 1;
    data
}
