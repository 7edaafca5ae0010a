//! A node that answers some calls with what is not so.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use super::proxy::message;

/// Stands between client and chain, and answers in the chain's place where it has a tale.
pub(crate) struct Liar {
    port: u16,
}

impl Liar {
    /// `tale` gets a call and gives its result; or nothing, and the chain is asked.
    pub(crate) async fn start(
        to: u16,
        tale: impl Fn(&str, &Value) -> Option<Value> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let tale = Arc::new(tale);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let tale = Arc::clone(&tale);
                tokio::spawn(async move { drop(serve(client, to, &*tale).await) });
            }
        });
        Self { port }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

async fn serve(
    mut client: TcpStream,
    to: u16,
    tale: &(impl Fn(&str, &Value) -> Option<Value> + Send + Sync),
) -> std::io::Result<()> {
    let mut chain = TcpStream::connect(("127.0.0.1", to)).await?;
    loop {
        let request = message(&mut client).await?;
        let body = request.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |at| at + 4);
        let call: Value = serde_json::from_slice(&request[body..]).unwrap();
        if let Some(result) = tale(call["method"].as_str().unwrap(), &call["params"]) {
            let body = json!({ "jsonrpc": "2.0", "id": call["id"], "result": result }).to_string();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
            client.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).await?;
            continue;
        }
        chain.write_all(&request).await?;
        client.write_all(&message(&mut chain).await?).await?;
    }
}
