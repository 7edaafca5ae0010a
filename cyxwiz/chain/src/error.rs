//! What can go wrong between here and the chain.

use cyxwiz_escrow_interface::{Address, EscrowError, LayoutError};
use solana_instruction::error::InstructionError;
use solana_rpc_client_api::client_error::{Error as ClientError, ErrorKind};
use solana_rpc_client_api::request::{RpcError, RpcResponseErrorData};
use solana_transaction_error::TransactionError;

use crate::draft::DraftError;

/// No answer, or one of no use. It says nothing about whether a transaction landed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No connection, or one that broke.
    #[error("the RPC cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer in time.
    #[error("the RPC does not answer in time")]
    TimedOut,
    /// It answered that it cannot.
    #[error("the RPC refuses: {message} ({code})")]
    Answer {
        /// JSON-RPC's number.
        code: i64,
        /// Its words.
        message: String,
    },
    /// It answered something else than was asked for.
    #[error("the RPC's answer makes no sense: {0}")]
    Malformed(String),
}

/// Why a transaction fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// As the chain says it.
    pub error: TransactionError,
}

impl Why {
    /// The escrow program's own reason, where it is one of its own.
    #[must_use]
    pub fn escrow(&self) -> Option<EscrowError> {
        match self.error {
            TransactionError::InstructionError(_, InstructionError::Custom(code)) => {
                EscrowError::from_code(code)
            }
            _ => None,
        }
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.escrow() {
            Some(escrow) => write!(f, "{escrow} ({})", escrow.name()),
            None => write!(f, "{}", self.error),
        }
    }
}

/// What a call to the chain may end with.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// No answer of use.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The draft does not become a transaction.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// An account of the program is not there.
    #[error("there is no account at {0}")]
    NoAccount(Address),
    /// An account is there, but somebody else's.
    #[error("the account at {0} does not belong to the program it should")]
    ForeignAccount(Address),
    /// An account is the program's, but not of a layout known here.
    #[error("the account at {address} cannot be read")]
    Layout {
        /// Where.
        address: Address,
        /// What is wrong.
        #[source]
        layout: LayoutError,
    },
    /// The chain refuses, or the transaction landed and failed.
    #[error("the chain refuses: {0}")]
    Refused(Why),
    /// Neither landed nor out of time for certain.
    #[error("it is not known yet whether {0} landed")]
    Undecided(solana_signature::Signature),
    /// The journal could not record the signature; nothing was sent.
    #[error("the signature could not be recorded, so nothing was sent")]
    Journal(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Signed again and again, and each ran out of time.
    #[error("{0} transactions ran out of time one after the other")]
    NeverLands(u32),
}

impl From<ClientError> for Fault {
    fn from(error: ClientError) -> Self {
        match *error.kind {
            ErrorKind::RpcError(RpcError::RpcResponseError { code, message, .. }) => {
                Self::Answer { code, message }
            }
            ErrorKind::RpcError(error) => Self::Malformed(error.to_string()),
            ErrorKind::SerdeJson(error) => Self::Malformed(error.to_string()),
            ErrorKind::Reqwest(error) if error.is_timeout() => Self::TimedOut,
            ErrorKind::Reqwest(error) if error.is_decode() => Self::Malformed(error.to_string()),
            other => Self::Unreachable(Box::new(other)),
        }
    }
}

/// The transaction's own error in an answer to a send: the node tried it and it fails.
pub(crate) fn preflight(error: &ClientError) -> Option<TransactionError> {
    match error.kind.as_ref() {
        ErrorKind::RpcError(RpcError::RpcResponseError {
            data: RpcResponseErrorData::SendTransactionPreflightFailure(simulated),
            ..
        }) => simulated.err.clone().map(TransactionError::from),
        ErrorKind::TransactionError(error) => Some(error.clone()),
        _ => None,
    }
}
