//! What takes minutes, an image of gigabytes or a package index: PyTorch's jobs, and requirements from the index.

use std::fs;

use serde_json::Value;

use e2e::market::{Buyer, Platform, jobs, units, why};

use super::{
    index::Mirror,
    registry::{self, Registry},
};
use crate::support::repository;

const DEPOSIT: u64 = 1_000_000;

/// Submits `examples/digits`.
fn digits(buyer: &Buyer, epochs: &str) -> String {
    let epochs = format!("EPOCHS={epochs}");
    let more = ["--image", "pytorch", "--no-data", "--env", &epochs, "--memory", "1.5"];
    buyer.submit(&repository("examples/digits"), &more)
}

fn with_money(platform: &Platform) -> Buyer {
    assert!(std::env::var_os("CYXWIZ_IMAGE_PYTORCH").is_some(), "run `./x test --full`");
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "1", "USDC"]);
    buyer
}

/// The results, once the model was seen to be one.
fn results(platform: &Platform, buyer: &Buyer, job: &str) -> Value {
    let results = platform.folder("results");
    buyer.ok(&["results", job, "--to", results.to_str().unwrap()]);
    // PyTorch writes a zip archive
    assert!(fs::read(results.join("model.pt")).unwrap().starts_with(b"PK"));
    serde_json::from_slice(&fs::read(results.join("result.json")).unwrap()).unwrap()
}

/// The numbers of the epochs that were learnt, as the log tells them.
fn epochs(log: &str) -> Vec<u32> {
    let number = |line: &str| line.strip_prefix("epoch ")?.split('/').next()?.parse().ok();
    log.lines().filter_map(number).collect()
}

#[test]
fn pytorch_learns_digits_for_money() {
    let platform = Platform::start();
    let seller = platform.seller("seller");
    let buyer = with_money(&platform);
    let job = digits(&buyer, "20");
    let shown = buyer.ok(&["watch", &job]);
    assert_eq!(epochs(&shown), (1..=20).collect::<Vec<_>>());
    let done = buyer.reaches(&job, &["completed"]);
    let (charged, node) = (units(&done, "charged"), units(&done, "node"));
    assert!(charged > 0);
    assert_eq!((node, node + units(&done, "platform")), (charged * 9 / 10, charged));
    assert_eq!(buyer.balance("USDC"), (DEPOSIT - charged, 0));
    let earning = &seller.json(&["earnings"])["earnings"][0];
    assert_eq!(
        (earning["state"].as_str(), earning["base_units"].as_str()),
        (Some("settled"), Some(&*node.to_string()))
    );
    let result = results(&platform, &buyer, &job);
    assert!(result["accuracy"].as_f64().unwrap() > 0.9, "{result}");
}

/// Each of what the image promises does a little of what it is for.
const LIBRARIES: &str = r#"
import torch, torchvision, numpy, pandas, sklearn.linear_model, transformers
import matplotlib; matplotlib.use("Agg")
import matplotlib.pyplot, tqdm, yaml, PIL.Image, requests, safetensors.torch, os, pathlib
out = pathlib.Path(os.environ["CYX_OUTPUT_DIR"])
weight = torch.ones(2, 2, requires_grad=True)
(weight @ torch.tensor([[1.0], [2.0]])).sum().backward()
assert weight.grad.tolist() == [[1.0, 2.0], [1.0, 2.0]]
assert torchvision.transforms.functional.hflip(torch.arange(4).reshape(1, 2, 2)).flatten().tolist() == [1, 0, 3, 2]
frame = pandas.DataFrame({"x": numpy.arange(4.0), "y": 2 * numpy.arange(4.0) + 1})
line = sklearn.linear_model.LinearRegression().fit(frame[["x"]], frame["y"])
assert abs(line.coef_[0] - 2) < 1e-9
config = transformers.BertConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, vocab_size=32)
model = transformers.BertModel(config)
assert model(torch.tensor([[1, 2, 3]])).last_hidden_state.shape == (1, 3, 16)
safetensors.torch.save_file({"weight": weight.detach()}, out / "weight.safetensors")
matplotlib.pyplot.plot([1, 2, 3]); matplotlib.pyplot.savefig(out / "plot.png")
assert PIL.Image.open(out / "plot.png").width > 0
assert yaml.safe_load("a: [1, 2]") == {"a": [1, 2]}
for name in (torch, torchvision, numpy, pandas, sklearn, transformers, matplotlib, PIL): print(name.__name__, name.__version__)
print("all of it works")
"#;

#[test]
fn the_pytorch_image_has_what_it_promises() {
    let platform = Platform::start();
    let _seller = platform.seller("seller");
    let buyer = with_money(&platform);
    let job = buyer.submit(
        &jobs::script(&platform, "libraries", LIBRARIES),
        &["--image", "pytorch", "--memory", "2", "--timeout", "300"],
    );
    let done = buyer.reaches(&job, &["completed", "refunded"]);
    let told = buyer.told(&job);
    assert_eq!(done["state"], "completed", "{told}");
    assert!(told.contains("torch 2.") && told.contains("all of it works\n"), "{told}");
    let results = platform.folder("results");
    buyer.ok(&["results", &job, "--to", results.to_str().unwrap()]);
    assert!(fs::read(results.join("plot.png")).unwrap().starts_with(b"\x89PNG"));
    assert!(results.join("weight.safetensors").metadata().unwrap().len() > 0);
}

#[test]
fn pytorch_goes_on_from_its_checkpoint_on_another_node() {
    const EPOCHS: u32 = 300;
    let platform = Platform::with(["--checkpoint-seconds=1"]);
    let mut first = platform.seller("first");
    let buyer = with_money(&platform);
    let job = digits(&buyer, &EPOCHS.to_string());
    // it saves its state many times a second, by renaming
    first.said("a checkpoint is kept");
    let mut watch = buyer.watch(&job, &platform.folder("logs").join("watch.log"));
    watch.said("epoch 60/");
    first.kill();
    let learnt = epochs(&watch.log()).into_iter().max().unwrap();
    drop(watch);
    assert!(learnt < EPOCHS, "killed too late");

    let second = platform.seller("second");
    let done = buyer.reaches(&job, &["completed"]);
    assert_eq!(done["attempts"].as_array().unwrap().len(), 2);
    assert_eq!(why(&done["attempts"][0]["ending"]), ("node_lost".to_owned(), "node".to_owned()));
    let shown = buyer.ok(&["watch", &job]);
    let (before, after) = shown.split_once("goes on from epoch ").expect(&shown);
    let kept: u32 = after.lines().next().unwrap().trim().parse().unwrap();
    assert!(kept > 0, "{kept} of {learnt}");
    // what the first node had learnt by then was not learnt again
    assert_eq!(epochs(after), (kept + 1..=EPOCHS).collect::<Vec<_>>());
    assert!(epochs(before).contains(&kept), "{kept}");
    assert_eq!(results(&platform, &buyer, &job)["epochs"], EPOCHS);
    assert_eq!(second.json(&["earnings"])["earnings"][0]["state"], "settled");
}

#[test]
fn requirements_come_from_the_package_index() {
    const TABLE: &str = r#"
import os, pathlib, tabulate
table = tabulate.tabulate([["digits", 1797]], headers=["set", "images"], tablefmt="github")
print(table)
pathlib.Path(os.environ["CYX_OUTPUT_DIR"], "table.md").write_text(table)
"#;
    let platform = Platform::start();
    let mirror = Mirror::start(&platform.folder("mirror"));
    let _seller = platform.seller_with("seller", &mirror.flags);
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "1", "USDC"]);
    let folder = jobs::script(&platform, "table", TABLE);
    fs::write(folder.join("requirements.txt"), "tabulate==0.9.0\n").unwrap();
    let job = buyer.submit(&folder, &["--image", "python"]);
    let done = buyer.reaches(&job, &["completed", "refunded"]);
    let shown = buyer.told(&job);
    assert_eq!(done["state"], "completed", "{shown}{}", mirror.log());
    assert!(shown.contains("Successfully installed tabulate-0.9.0"), "{shown}");
    assert!(shown.contains("| digits |     1797 |"), "{shown}");
    // what was installed is no output
    assert_eq!(buyer.json(&["show", &job])["outputs"].as_array().map_or(1, Vec::len), 1);
}

#[test]
fn an_image_comes_from_a_registry_by_its_digest() {
    let folder = crate::support::folder();
    let Some(registry) = Registry::start(folder.path()) else {
        eprintln!("no registry's program here: not run");
        return;
    };
    let image = registry.take(&std::env::var("CYXWIZ_IMAGE_PYTHON").unwrap());
    let platform = Platform::with([format!("--image=python={image}").as_str()]);
    let _seller = platform.seller("seller");
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "1", "USDC"]);
    let job = buyer.submit(&jobs::script(&platform, "sum", jobs::SUM), &["--image", "python"]);
    let done = buyer.reaches(&job, &["completed", "refunded"]);
    let shown = buyer.told(&job);
    assert_eq!(done["state"], "completed", "{shown}");
    assert!(shown.contains(&format!("fetching the image {image}")), "{shown}");
    registry::forget(&image);
}
