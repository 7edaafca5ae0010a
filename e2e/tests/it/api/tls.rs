//! A TLS listener with a certificate of its owner's own making.

use vyr_sdk::{Client, Endpoint, SdkError};

use crate::support::{Cli, Curl, Node, Submit, ended_well, folder, self_signed};

#[tokio::test]
async fn sdk_cli_and_curl_speak_tls() {
    let dir = folder();
    let (cert, key) = self_signed(dir.path(), "node");
    let (cert_text, key_text) = (cert.to_str().unwrap(), key.to_str().unwrap());
    let node = Node::with(["--listen", "127.0.0.1:0", "--tls-cert", cert_text, "--tls-key", key_text]);
    let noop = node.put("noop");
    let url = format!("https://{}", node.tcp());

    let endpoint = Endpoint::parse(&url, &node.home(), None).unwrap();
    let client = Client::new(endpoint.clone(), Some(&cert)).unwrap();
    ended_well(&Submit::new(&noop).run(&client).await);
    assert!(Client::new(endpoint, None).is_err(), "no certificate is trusted by default");

    let cli = |ca: &str| Cli::new(&node.home()).args(["--node", &url, "--tls-ca", ca]);
    let listed = cli(cert_text).args(["task", "ls"]).json();
    assert_eq!(listed[0]["state"], "TASK_STATE_SUCCEEDED");

    let bearer = format!("authorization: Bearer {}", node.token());
    let answer = Curl::new(url.clone()).header(&bearer).arg("--cacert").arg(&cert).get("/metrics?once=true");
    assert_eq!(answer.status, 200);

    let (foreign, _) = self_signed(dir.path(), "foreign");
    let said = cli(foreign.to_str().unwrap()).args(["task", "ls"]).run();
    assert_eq!(said.code, Some(3), "{}", said.err());
    let endpoint = Endpoint::parse(&format!("https://{}", node.tcp()), &node.home(), None).unwrap();
    let client = Client::new(endpoint, Some(&foreign)).unwrap();
    let refused = client.submit_task(Submit::new(&noop).request()).await;
    assert!(matches!(refused, Err(SdkError::Unreachable { .. })), "{refused:?}");
}
