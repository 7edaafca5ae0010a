//! Fetches `http://AUTHORITY/PATH` (first argument) by `wasi:http`. Prints `status N`, then the body.
//! When the request fails prints `error: CODE` (the `wasi:http` error code) and exits 1.

use std::io::{self, Write};
use std::process::ExitCode;

use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, IncomingResponse, Method, OutgoingRequest, Scheme};
use wasip2::io::streams::StreamError;

fn main() -> ExitCode {
    let url = std::env::args().nth(1).unwrap_or_default();
    match get(&url) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn get(url: &str) -> Result<(), String> {
    let (scheme, rest) = url.split_once("://").ok_or("no URL")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let request = OutgoingRequest::new(Fields::new());
    let refused = |()| "refused URL".to_owned();
    request.set_method(&Method::Get).map_err(refused)?;
    request.set_scheme(Some(&scheme)).map_err(refused)?;
    request.set_authority(Some(authority)).map_err(refused)?;
    let path = if path.is_empty() { "/" } else { path };
    request.set_path_with_query(Some(path)).map_err(refused)?;
    let pending = outgoing_handler::handle(request, None).map_err(|code| format!("{code:?}"))?;
    pending.subscribe().block();
    let response = pending
        .get()
        .ok_or("no response")?
        .map_err(|()| "response taken".to_owned())?
        .map_err(|code| format!("{code:?}"))?;
    print_response(&response)
}

fn print_response(response: &IncomingResponse) -> Result<(), String> {
    println!("status {}", response.status());
    let gone = |()| "body taken".to_owned();
    let body = response.consume().map_err(gone)?;
    let stream = body.stream().map_err(gone)?;
    let mut out = io::stdout().lock();
    loop {
        match stream.blocking_read(64 * 1024) {
            Ok(bytes) => out.write_all(&bytes).map_err(|e| e.to_string())?,
            Err(StreamError::Closed) => return Ok(()),
            Err(StreamError::LastOperationFailed(error)) => return Err(error.to_debug_string()),
        }
    }
}
