use cyxwiz_escrow_interface::policy::{
    Amount, BasisPoints, Charge, Closing, ConfigVersion, Epoch, JobId, Order, UnixTime,
};
use cyxwiz_escrow_interface::{Address, Event, Instruction, LayoutError, MAX_EVENT};

fn key(n: u8) -> Address {
    Address::new_from_array([n; 32])
}

fn instructions() -> Vec<Instruction> {
    let order = Order {
        job: JobId([1; 16]),
        deposit: Amount(2),
        limit: Amount(3),
        expire_at: UnixTime(i64::MIN),
        config_version: ConfigVersion(5),
    };
    vec![
        Instruction::Init { admin: key(1), settle_key: key(2), treasury: key(3), fee: BasisPoints(4) },
        Instruction::ProposeAdmin(key(1)),
        Instruction::AcceptAdmin,
        Instruction::SetSettleKey { key: key(1), revoke: true },
        Instruction::SetTreasury(key(1)),
        Instruction::SetFee(BasisPoints(9)),
        Instruction::SetMint { allowed: false },
        Instruction::SetPaused(true),
        Instruction::Deposit(Amount(u64::MAX)),
        Instruction::Withdraw(Amount(0)),
        Instruction::CloseBalance,
        Instruction::Open(order),
        Instruction::Assign { payee: key(1), epoch: Epoch(7) },
        Instruction::TopUp(Amount(1)),
        Instruction::Settle(Charge { charged: Amount(8), epoch: Epoch(9) }),
        Instruction::Refund,
        Instruction::Cancel,
        Instruction::Expire,
    ]
}

fn events() -> Vec<Event> {
    let (buyer, job) = (key(1), JobId([2; 16]));
    let (amount, deposit, limit) = (Amount(3), Amount(4), Amount(5));
    let back = |closing| Event::GivenBack { buyer, job, amount, closing };
    vec![
        Event::ConfigChanged { version: ConfigVersion(1), by: 2 },
        Event::Deposited { owner: buyer, mint: key(2), amount },
        Event::Withdrawn { owner: buyer, mint: key(2), amount },
        Event::Opened { buyer, job, mint: key(3), deposit, limit, expire_at: UnixTime(6) },
        Event::Assigned { buyer, job, payee: key(4), epoch: Epoch(7) },
        Event::ToppedUp { buyer, job, amount, deposit },
        Event::Settled {
            buyer,
            job,
            payee: key(4),
            epoch: Epoch(7),
            node: amount,
            platform: deposit,
            refund: limit,
        },
        back(Closing::Refund),
        back(Closing::Cancel),
        back(Closing::Expire),
    ]
}

#[test]
fn every_instruction_is_read_as_it_was_written() {
    for (tag, instruction) in instructions().into_iter().enumerate() {
        let data = instruction.encode();
        assert_eq!(usize::from(instruction.tag()), tag);
        assert_eq!(usize::from(data[0]), tag);
        assert_eq!(Instruction::decode(&data), Ok(instruction));
        for length in 0..data.len() {
            assert_eq!(Instruction::decode(&data[..length]), Err(LayoutError::Length));
        }
        assert_eq!(Instruction::decode(&[&data[..], &[0]].concat()), Err(LayoutError::Length));
    }
    assert_eq!(Instruction::decode(&[18]), Err(LayoutError::Kind));
    assert_eq!(Instruction::decode(&[7, 2]), Err(LayoutError::Value));
}

#[test]
fn every_event_is_read_as_it_was_written() {
    for event in events() {
        let mut buffer = [0; MAX_EVENT];
        let length = event.encode(&mut buffer);
        let data = &buffer[..length];
        assert_eq!(Event::decode(data), Ok(event));
        for length in 0..data.len() {
            assert_eq!(Event::decode(&data[..length]), Err(LayoutError::Length));
        }
        assert_eq!(Event::decode(&[data, &[0]].concat()), Err(LayoutError::Length));
        for (at, error) in [(0, LayoutError::Kind), (4, LayoutError::Version), (5, LayoutError::Kind)] {
            let mut bad = data.to_vec();
            bad[at] ^= 0x40;
            assert_eq!(Event::decode(&bad), Err(error));
        }
    }
}
