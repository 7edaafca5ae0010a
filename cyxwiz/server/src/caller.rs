//! Who calls: resolved from the bearer token once, required by each call in its own words.

use connectrpc::RequestContext;
use cyxwiz_chain::escrow::Address;
use cyxwiz_model::{AccountId, NodeId, SessionId};
use cyxwiz_proto::v1::Reason;

use crate::Refusal;

/// A buyer with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buyer {
    /// The account.
    pub account: AccountId,
    /// Its wallet.
    pub wallet: Address,
    /// The session.
    pub session: SessionId,
}

/// A node with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeCaller {
    /// The node.
    pub node: NodeId,
    /// Its identity key.
    pub identity: Address,
    /// The session.
    pub session: SessionId,
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Caller {
    /// Nobody whom we know: no token, or one that is not good (any more).
    #[default]
    Nobody,
    /// A token was shown that is unknown, expired or revoked.
    Stranger,
    /// A buyer.
    Buyer(Buyer),
    /// A node.
    Node(NodeCaller),
}

impl Caller {
    /// The caller of a call.
    #[must_use]
    pub fn of(context: &RequestContext) -> Self {
        context.extensions().get::<Self>().copied().unwrap_or_default()
    }

    /// Requires a buyer.
    ///
    /// # Errors
    /// No session, or a node's.
    pub fn buyer(&self) -> Result<Buyer, Refusal> {
        match self {
            Self::Buyer(buyer) => Ok(*buyer),
            Self::Node(_) => Err(wrong_role("this call is for buyers, and the session is a node's")),
            Self::Nobody | Self::Stranger => Err(self.unknown()),
        }
    }

    /// Requires a node.
    ///
    /// # Errors
    /// No session, or a buyer's.
    pub fn node(&self) -> Result<NodeCaller, Refusal> {
        match self {
            Self::Node(node) => Ok(*node),
            Self::Buyer(_) => Err(wrong_role("this call is for nodes, and the session is a buyer's")),
            Self::Nobody | Self::Stranger => Err(self.unknown()),
        }
    }

    /// Requires a session of either role.
    ///
    /// # Errors
    /// No session.
    pub fn session(&self) -> Result<SessionId, Refusal> {
        match self {
            Self::Buyer(Buyer { session, .. }) | Self::Node(NodeCaller { session, .. }) => Ok(*session),
            Self::Nobody | Self::Stranger => Err(self.unknown()),
        }
    }

    fn unknown(&self) -> Refusal {
        match self {
            Self::Stranger => Refusal::no_session("the session is unknown or has ended"),
            _ => Refusal::no_session("the call carries no session"),
        }
    }
}

fn wrong_role(message: &str) -> Refusal {
    Refusal::new(Reason::REASON_WRONG_ROLE, message).mend("sign in with the role that the call is for")
}
