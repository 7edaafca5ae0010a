//! Control API v0 and the content plane, as clients that others wrote see them.

mod bounds;
mod calls;
mod content;
mod docs;
mod ends;
mod follow;
mod grpc;
mod guard;
mod json;
mod limits;
mod reasons;
mod refusals;
mod slow;
mod submit;
mod tls;

pub(crate) use self::json::{Signed, put_blob};
