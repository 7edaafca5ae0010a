//! The program onto the chain as everybody deploys one: a buffer filled by transactions, then the upgradeable
//! loader's own deploy, or its upgrade where another build stands.

use anyhow::{Context, Result, bail};
use cyxwiz_chain::escrow::Address;
use cyxwiz_chain::{Courier, Draft, Ledger as _, Outcome, Policy, Rpc, Signed, Slot};
use futures::StreamExt as _;
use solana_keypair::Keypair;
use solana_loader_v3_interface::instruction::{create_buffer, deploy_with_max_program_len, upgrade, write};
use solana_loader_v3_interface::state::UpgradeableLoaderState;
use solana_signer::Signer;

/// Bytes of program that fit into one transaction.
const CHUNK: usize = 900;
/// Transactions on their way at the same time.
const AT_ONCE: usize = 4;
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
    let lifetime = rpc.lifetime().await?;
    let mut signed: Vec<Signed> = Vec::new();
    for (index, bytes) in elf.chunks(CHUNK).enumerate() {
        let offset = u32::try_from(index * CHUNK)?;
        let write = write(&to, &owner, offset, bytes.to_vec());
        signed.push(draft(owner, vec![write]).sign(lifetime, &[payer])?);
    }
    let courier = Courier::new(rpc.clone(), Policy::interactive());
    let outcomes =
        futures::stream::iter(&signed).map(|signed| courier.send(signed)).buffer_unordered(AT_ONCE);
    let mut outcomes = std::pin::pin!(outcomes);
    while let Some(outcome) = outcomes.next().await {
        if !matches!(outcome, Outcome::Landed { error: None, .. }) {
            bail!("a piece of the program did not land: {outcome:?}");
        }
    }
    Ok(())
}

fn draft(payer: Address, instructions: Vec<solana_instruction::Instruction>) -> Draft {
    Draft { payer, instructions }
}

/// Sends and waits; nothing here moves money that could be paid twice.
pub(crate) async fn land(rpc: &Rpc, draft: &Draft, signers: &[&dyn Signer]) -> Result<Slot> {
    let signed = draft.sign(rpc.lifetime().await?, signers)?;
    match Courier::new(rpc.clone(), Policy::interactive()).send(&signed).await {
        Outcome::Landed { slot, error: None } => Ok(slot),
        Outcome::Landed { error: Some(why), .. } | Outcome::Refused(why) => bail!("the chain refuses: {why}"),
        other => bail!("a transaction did not land: {other:?}"),
    }
}

async fn visible(rpc: &Rpc, deployed: Slot) -> Result<()> {
    loop {
        let (now, _) = rpc.accounts(&[Address::default()]).await?;
        if now.0 > deployed.0 + VISIBLE_AFTER {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
