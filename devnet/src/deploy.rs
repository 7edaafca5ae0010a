//! The program onto the chain as everybody deploys one: a buffer filled by transactions, then the upgradeable
//! loader's own deploy, or its upgrade where another build stands.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use cyxwiz_chain::escrow::Address;
use cyxwiz_chain::{Courier, Draft, Journal, Policy, Rpc, Signed, Slot};
use futures::{StreamExt as _, TryStreamExt as _};
use solana_keypair::Keypair;
use solana_loader_v3_interface::instruction::{create_buffer, deploy_with_max_program_len, upgrade, write};
use solana_loader_v3_interface::state::UpgradeableLoaderState;
use solana_signer::Signer;

/// Bytes of program that fit into one transaction.
const CHUNK: usize = 900;
/// Transactions on their way at the same time.
const AT_ONCE: usize = 16;
/// This chain is near, and quick.
const POLL: Duration = Duration::from_millis(50);
/// Room for an upgrade, in times of the present size.
const ROOM: usize = 2;
/// A deployed program runs from the next slot on.
const VISIBLE_AFTER: u64 = 1;

/// Deploys `elf` at `program` unless it stands there already; says what it did.
pub(crate) async fn run(rpc: &Rpc, payer: &Keypair, program: &Keypair, elf: &[u8]) -> Result<&'static str> {
    let address = program.pubkey();
    let data = cyxwiz_chain::escrow::build::Program { id: address }.data();
    let (_, accounts) = rpc.accounts(&[address, data]).await?;
    let standing = match accounts.as_slice() {
        [Some(_), Some(data)] => data.data.get(UpgradeableLoaderState::size_of_programdata_metadata()..),
        [None, None] => None,
        _ => bail!("{address} is something else than a program of the upgradeable loader"),
    };
    // behind the program there may be room for a larger one
    let same =
        |standing: &[u8]| standing.strip_prefix(elf).is_some_and(|rest| rest.iter().all(|byte| *byte == 0));
    if standing.is_some_and(same) {
        return Ok("stood there already");
    }
    let (buffer, done) = (
        Keypair::new(),
        if standing.is_some() { "upgraded by the loader" } else { "deployed by the loader" },
    );
    fill(rpc, payer, &buffer, elf).await?;
    let owner = payer.pubkey();
    let slot = match standing {
        None => {
            let rent = rpc.rent(UpgradeableLoaderState::size_of_program()).await?;
            let room = elf.len().saturating_mul(ROOM);
            let deploy =
                deploy_with_max_program_len(&owner, &address, &buffer.pubkey(), &owner, rent.0, room)
                    .context("no deploy")?;
            land(rpc, &draft(owner, deploy), &[payer, program]).await?
        }
        Some(room) if room.len() < elf.len() => {
            bail!("the program outgrew its place on this chain: stop it and delete its state folder")
        }
        Some(_) => {
            let replace = upgrade(&address, &buffer.pubkey(), &owner, &owner);
            land(rpc, &draft(owner, vec![replace]), &[payer]).await?
        }
    };
    visible(rpc, slot).await?;
    Ok(done)
}

async fn fill(rpc: &Rpc, payer: &Keypair, buffer: &Keypair, elf: &[u8]) -> Result<()> {
    let (owner, to) = (payer.pubkey(), buffer.pubkey());
    let rent = rpc.rent(UpgradeableLoaderState::size_of_buffer(elf.len())).await?;
    let create = create_buffer(&owner, &to, &owner, rent.0, elf.len()).context("no buffer")?;
    land(rpc, &draft(owner, create), &[payer, buffer]).await?;
    let mut pieces = Vec::new();
    for (index, bytes) in elf.chunks(CHUNK).enumerate() {
        let offset = u32::try_from(index.saturating_mul(CHUNK))?;
        pieces.push(draft(owner, vec![write(&to, &owner, offset, bytes.to_vec())]));
    }
    let signers = [payer];
    let sent =
        futures::stream::iter(&pieces).map(|piece| land(rpc, piece, &signers)).buffer_unordered(AT_ONCE);
    sent.try_for_each(|_| async { Ok(()) }).await
}

fn draft(payer: Address, instructions: Vec<solana_instruction::Instruction>) -> Draft {
    Draft { payer, instructions }
}

/// Sends and waits.
pub(crate) async fn land(rpc: &Rpc, draft: &Draft, signers: &[&Keypair]) -> Result<Slot> {
    let signers: Vec<&(dyn Signer + Sync)> = signers.iter().map(|key| *key as &(dyn Signer + Sync)).collect();
    let policy = Policy { poll: POLL, ..Policy::interactive() };
    let delivered = Courier::new(rpc.clone(), policy).deliver(draft, &signers, &mut Nowhere).await?;
    match delivered.error {
        None => Ok(delivered.slot),
        Some(why) => bail!("the chain refuses: {why}"),
    }
}

/// Nothing here moves money that could be paid twice: after a crash, the set-up looks at the chain.
struct Nowhere;

impl Journal for Nowhere {
    type Error = Infallible;

    async fn signed(&mut self, _: &Signed) -> Result<(), Infallible> {
        Ok(())
    }
}

async fn visible(rpc: &Rpc, deployed: Slot) -> Result<()> {
    loop {
        let (now, _) = rpc.accounts(&[Address::default()]).await?;
        if now.0 > deployed.0 + VISIBLE_AFTER {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}
