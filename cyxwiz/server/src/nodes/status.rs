use buffa::Message as _;
use cyxwiz_model::{Availability, Liveness, Moment, NodeId};
use cyxwiz_proto::v1;

use crate::ServerError;
use crate::db::DbId as _;
use crate::market::Market;

/// What the tables say of a node.
#[derive(sqlx::FromRow)]
struct Known {
    enrolled: Option<Vec<u8>>,
    availability: Option<serde_json::Value>,
    is_confirmed: Option<bool>,
    benchmark_message: Option<String>,
    owes_benchmark: bool,
    last_beat: Option<i64>,
    banned: bool,
    running: i64,
    places: i64,
}

/// A node as the server knows it.
pub(super) async fn status(market: &Market, node: NodeId) -> Result<v1::Node, ServerError> {
    let known: Option<Known> = sqlx::query_as(
        "SELECT o.enrolled, o.availability, o.confirmed = o.hardware AS is_confirmed, b.last_beat,
            n.banned_at IS NOT NULL AS banned,
            EXISTS (SELECT 1 FROM benchmarks WHERE node_id = n.id AND passed IS NULL) AS owes_benchmark,
            (SELECT message FROM benchmarks WHERE node_id = n.id AND passed IS FALSE ORDER BY given_at DESC LIMIT 1)
                AS benchmark_message,
            (SELECT count(*) FROM attempts a WHERE a.node_id = n.id AND a.released_at IS NULL) AS running,
            (SELECT count(*) FROM places p WHERE p.node_id = n.id) AS places
         FROM nodes n LEFT JOIN node_offers o ON o.node_id = n.id LEFT JOIN node_beats b ON b.node_id = n.id
         WHERE n.id = $1",
    )
    .bind(node.uuid())
    .fetch_optional(market.pool())
    .await?;
    let Some(known) = known else { return Ok(v1::Node { id: node.to_string(), ..Default::default() }) };
    let enrolled = match &known.enrolled {
        None => None,
        Some(bytes) => Some(
            v1::EnrolNodeRequest::decode_from_slice(bytes)
                .map_err(|error| ServerError::stored("an enrolment", error))?,
        ),
    };
    let because = because(&known, market.now())?;
    Ok(v1::Node {
        id: node.to_string(),
        enrolled: enrolled.into(),
        available: because.is_empty(),
        unavailable_because: because,
        running: u32::try_from(known.running).unwrap_or(u32::MAX),
        banned: known.banned,
        ..Default::default()
    })
}

/// Why a node gets no work now; empty where it would.
fn because(known: &Known, now: Moment) -> Result<String, ServerError> {
    let availability = match &known.availability {
        None => return Ok("it is not enrolled".to_owned()),
        Some(json) => serde_json::from_value::<Availability>(json.clone())
            .map_err(|error| ServerError::stored("an availability", error))?,
    };
    let alive = Liveness::of(Moment(known.last_beat.unwrap_or(0)), now) == Liveness::Alive;
    Ok(if known.banned {
        "it was banned".to_owned()
    } else if known.is_confirmed != Some(true) {
        match known.benchmark_message.as_deref() {
            None | Some("") => "its hardware is not confirmed yet: the benchmark has to be run".to_owned(),
            Some(message) => format!("its hardware was not confirmed: {message}"),
        }
    } else if known.owes_benchmark {
        "it has a benchmark to answer first".to_owned()
    } else if availability == Availability::Off {
        "its owner turned it off".to_owned()
    } else if !availability.open(now) {
        "it is outside its hours".to_owned()
    } else if !alive {
        "it does not beat".to_owned()
    } else if known.running >= known.places {
        "all its places are taken".to_owned()
    } else {
        String::new()
    })
}
