use std::collections::BTreeSet;

use cyxwiz_escrow_interface::EscrowError;

#[test]
fn every_error_has_its_own_number_and_sentence() {
    let all = EscrowError::ALL;
    let numbers: BTreeSet<_> = all.iter().map(|error| error.code()).collect();
    let sentences: BTreeSet<_> = all.iter().map(|error| error.text()).collect();
    assert_eq!((numbers.len(), sentences.len()), (all.len(), all.len()));
    for error in all {
        assert_eq!(EscrowError::from_code(error.code()), Some(*error));
        assert!(!error.text().is_empty() && error.text() == error.text().trim());
    }
    assert_eq!(EscrowError::from_code(0), None);
    assert_eq!(EscrowError::from_code(1), None);
}

#[test]
fn numbers_stay_what_they_are() {
    for (number, name) in
        [(103, "AccountCount"), (205, "NotEscrow"), (309, "PayoutBelowRent"), (524, "WrongBalanceMint")]
    {
        assert_eq!(EscrowError::from_code(number).map(EscrowError::name), Some(name));
    }
    assert_eq!(EscrowError::Expired.to_string(), "the deadline has passed");
}
