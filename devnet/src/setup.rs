//! From a bare chain to one that the market can work on. Looks before each step, so that it may run again.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use cyxwiz_chain::escrow::policy::{Amount, BasisPoints};
use cyxwiz_chain::escrow::{Address, TOKEN_PROGRAM, build::Program};
use cyxwiz_chain::{ChainError, Cluster, Coin, Contract, Draft, Money, Rpc};
use solana_keypair::Keypair;
use solana_signer::Signer as _;
use spl_associated_token_account_interface::instruction::create_associated_token_account_idempotent;
use spl_token_interface::instruction::{initialize_mint2, mint_to};

use crate::deploy;
use crate::report::{Facts, Report, Wallet};
use crate::state::{State, published_key};

/// The seeds of the two keys whose addresses `cyxwiz-chain` knows as those of localnet.
const PROGRAM_SEED: &str = "cyxwiz localnet: escrow program";
const USDC_SEED: &str = "cyxwiz localnet: test USDC";
/// The platform's part: a tenth.
const FEE: BasisPoints = BasisPoints(1_000);
/// Lamports of a fresh wallet; the deployer's also pay for the program.
const SOL: u64 = 100_000_000_000;
/// Base units of test USDC that buyer and seller get once.
const USDC: u64 = 10_000_000_000;
/// A mint's bytes.
const MINT_LEN: usize = 82;
const AIRDROP: Duration = Duration::from_secs(30);

/// Wallets by name. The deployer is the program's upgrade authority.
const WALLETS: [&str; 6] = ["deployer", "admin", "settle", "treasury", "buyer", "seller"];

struct Setup {
    rpc: Rpc,
    contract: Contract,
    wallets: [Keypair; 6],
}

pub(crate) async fn run(
    state: &State,
    chain: &'static str,
    rpc_port: u16,
    ws_port: u16,
    elf: &[u8],
) -> Result<Report> {
    let wallet = |index: usize| state.wallet(WALLETS.get(index).copied().unwrap_or_default());
    let wallets = [wallet(0)?, wallet(1)?, wallet(2)?, wallet(3)?, wallet(4)?, wallet(5)?];
    let (program, mint) = (published_key(PROGRAM_SEED)?, published_key(USDC_SEED)?);
    let contract = Contract { program: Program { id: program.pubkey() }, usdc: mint.pubkey() };
    if Some(contract.program) != Cluster::Localnet.program() || contract.usdc != Cluster::Localnet.usdc() {
        bail!("the seeds make other addresses than those that cyxwiz-chain knows as localnet's");
    }
    let setup = Setup { rpc: Rpc::new(&format!("http://127.0.0.1:{rpc_port}")), contract, wallets };
    setup.fund().await?;
    let deployed = deploy::run(&setup.rpc, setup.deployer(), &program, elf).await?;
    setup.configure().await?;
    setup.create_mint(&mint).await?;
    setup.allow().await?;
    setup.hand_out().await?;
    let wallets = WALLETS.iter().zip(&setup.wallets).map(|(name, keypair)| Wallet {
        name,
        address: keypair.pubkey().to_string(),
        keypair: state.wallet_path(name).display().to_string(),
    });
    Ok(Report::new(&Facts {
        chain,
        rpc_port,
        ws_port,
        program: contract.program.id.to_string(),
        deployed,
        usdc: contract.usdc.to_string(),
        wallets: wallets.collect(),
    }))
}

impl Setup {
    fn deployer(&self) -> &Keypair {
        let [deployer, ..] = &self.wallets;
        deployer
    }

    fn admin(&self) -> &Keypair {
        let [_, admin, ..] = &self.wallets;
        admin
    }

    async fn fund(&self) -> Result<()> {
        for wallet in &self.wallets {
            let address = wallet.pubkey();
            if self.rpc.lamports(&address).await? != Amount::ZERO {
                continue;
            }
            self.rpc.airdrop(&address, Amount(SOL)).await?;
            let start = Instant::now();
            while self.rpc.lamports(&address).await? == Amount::ZERO {
                if start.elapsed() > AIRDROP {
                    bail!("no lamports came to {address}");
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    async fn configure(&self) -> Result<()> {
        match self.rpc.config(&self.contract).await {
            Ok(_) => return Ok(()),
            Err(ChainError::NoAccount(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let [deployer, admin, settle, treasury, ..] = &self.wallets;
        let people = [admin.pubkey(), settle.pubkey(), treasury.pubkey()];
        let init = self.contract.init(deployer.pubkey(), deployer.pubkey(), people, FEE);
        deploy::land(&self.rpc, &init, &[deployer]).await?;
        Ok(())
    }

    async fn create_mint(&self, mint: &Keypair) -> Result<()> {
        let (_, accounts) = self.rpc.accounts(&[mint.pubkey()]).await?;
        if accounts.into_iter().next().flatten().is_some() {
            return Ok(());
        }
        let admin = self.admin();
        let rent = self.rpc.rent(MINT_LEN).await?;
        let create = solana_system_interface::instruction::create_account(
            &admin.pubkey(),
            &mint.pubkey(),
            rent.0,
            MINT_LEN.try_into()?,
            &TOKEN_PROGRAM,
        );
        let decimals = Coin::Usdc.decimals();
        let init = initialize_mint2(&TOKEN_PROGRAM, &mint.pubkey(), &admin.pubkey(), None, decimals)?;
        let draft = Draft { payer: admin.pubkey(), instructions: vec![create, init] };
        deploy::land(&self.rpc, &draft, &[admin, mint]).await?;
        Ok(())
    }

    async fn allow(&self) -> Result<()> {
        let config = self.rpc.config(&self.contract).await?;
        for coin in Coin::ALL {
            if !config.mints.allows(self.contract.mint(coin)) {
                let admin = self.admin();
                deploy::land(&self.rpc, &self.contract.set_coin(admin.pubkey(), coin, true), &[admin])
                    .await?;
            }
        }
        Ok(())
    }

    async fn hand_out(&self) -> Result<()> {
        let [_, admin, _, _, buyer, seller] = &self.wallets;
        for owner in [buyer.pubkey(), seller.pubkey()] {
            let tokens = self.rpc.tokens(&self.contract, &owner).await?;
            if tokens.amount.is_none() {
                let draft = self.mint_to(&owner, &tokens.account, Money::new(Coin::Usdc, USDC))?;
                deploy::land(&self.rpc, &draft, &[admin]).await?;
            }
        }
        Ok(())
    }

    fn mint_to(&self, owner: &Address, account: &Address, money: Money) -> Result<Draft> {
        let (admin, mint) = (self.admin().pubkey(), self.contract.usdc);
        let create = create_associated_token_account_idempotent(&admin, owner, &mint, &TOKEN_PROGRAM);
        let pay = mint_to(&TOKEN_PROGRAM, &mint, account, &admin, &[], money.amount.0)?;
        Ok(Draft { payer: admin, instructions: vec![create, pay] })
    }
}
