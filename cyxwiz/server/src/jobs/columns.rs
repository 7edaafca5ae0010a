//! Columns as the model's types.

use cyxwiz_chain::escrow::Address;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

/// Says that a column holds what cannot be.
pub(super) fn decode(what: &str, error: impl ToString) -> sqlx::Error {
    sqlx::Error::Decode(format!("{what}: {}", error.to_string()).into())
}

/// A number that cannot be negative.
pub(crate) fn count(row: &PgRow, column: &str) -> Result<u64, sqlx::Error> {
    let value: i64 = row.try_get(column)?;
    u64::try_from(value).map_err(|error| decode(column, error))
}

/// The same, where it may be null.
pub(super) fn maybe_count(row: &PgRow, column: &str) -> Result<Option<u64>, sqlx::Error> {
    let value: Option<i64> = row.try_get(column)?;
    value.map(|value| u64::try_from(value).map_err(|error| decode(column, error))).transpose()
}

/// A number of the size that the model wants.
pub(crate) fn small<T: TryFrom<i32>>(row: &PgRow, column: &str) -> Result<T, sqlx::Error>
where
    T::Error: ToString,
{
    T::try_from(row.try_get::<i32, _>(column)?).map_err(|error| decode(column, error))
}

/// A public key.
pub(crate) fn key(row: &PgRow, column: &str) -> Result<Address, sqlx::Error> {
    let bytes: Vec<u8> = row.try_get(column)?;
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| decode(column, "not 32 bytes"))?;
    Ok(Address::new_from_array(bytes))
}

/// A word that the model knows.
pub(crate) fn word<T: std::str::FromStr>(row: &PgRow, column: &str) -> Result<T, sqlx::Error>
where
    T::Err: ToString,
{
    row.try_get::<&str, _>(column)?.parse().map_err(|error: T::Err| decode(column, error.to_string()))
}

/// The same, where it may be null.
pub(super) fn maybe_word<T: std::str::FromStr>(row: &PgRow, column: &str) -> Result<Option<T>, sqlx::Error>
where
    T::Err: ToString,
{
    let text: Option<&str> = row.try_get(column)?;
    text.map(|text| text.parse().map_err(|error: T::Err| decode(column, error.to_string()))).transpose()
}
