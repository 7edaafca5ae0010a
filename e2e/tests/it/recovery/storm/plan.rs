use std::{fs, path::PathBuf, time::Duration};

use vyr_model::Digest;
use vyr_sdk::control::BindMode;

use super::{super::workload, dice::Dice};
use crate::support::{Node, Submit};

/// Longer than any storm.
const HOLD: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes of the input: more than a guest's one read.
const INPUT_BYTES: usize = 100_000;

/// Which tasks a storm is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Mix {
    All,
    /// Only durable ones that may run ahead of their record.
    Ahead,
}

/// What a task's guest can do outside of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// It counts its executions in a folder, and so starts after its start is on disk.
    Folder,
    /// Nothing: it may run ahead. It says its name and its input.
    Sealed,
    /// It waits for a state that it never gets.
    Held,
}

/// One task, drawn from the storm's seed and the task's name.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) reach: Reach,
    /// Index into [`workload::KINDS`].
    pub(super) kind: usize,
    pub(super) volatile: bool,
    pub(super) idempotent: bool,
    pub(super) key: bool,
    pub(super) input: bool,
    /// Whether its caller cancels it at once.
    pub(super) cancel: bool,
}

impl Plan {
    /// Tells whether it may be started more than once.
    pub(super) fn repeats(&self) -> bool {
        self.idempotent && !self.volatile
    }
}

/// The artifacts on the node, and how tasks are made of them.
pub(super) struct Load {
    mix: Mix,
    pub(super) seed: u32,
    pub(super) counts: PathBuf,
    counting: Vec<String>,
    sealed: Vec<String>,
    holding: String,
    input: Vec<u8>,
}

impl Load {
    /// Puts what the tasks need.
    pub(super) async fn put(node: &Node, mix: Mix, seed: u32) -> Self {
        let counts = node.dir().join("counts");
        fs::create_dir(&counts).unwrap();
        let put = |prefix: &str, module: fn(&str) -> Vec<u8>| {
            let put = |(name, after): &(_, &str)| node.put_wasm(&format!("{prefix}-{name}"), &module(after));
            workload::KINDS.iter().map(put).collect()
        };
        let (counting, sealed) = (put("counting", workload::module), put("sealed", workload::sealed));
        let holding = node.put_with(&node.dir().join("sealed-quick.wasm"), &["--state", "s"]);
        let input: Vec<u8> = (0..INPUT_BYTES).map(|n| b"0123456789abcde"[n % 15]).collect();
        let content = std::io::Cursor::new(input.clone());
        node.client().put_blob(Digest::of(&input), INPUT_BYTES as u64, content).await.unwrap();
        Self { mix, seed, counts, counting, sealed, holding, input }
    }

    pub(super) fn plan(&self, name: &str) -> Plan {
        let mut dice = Dice::of((self.seed, name));
        let ahead = self.mix == Mix::Ahead;
        let reach = match dice.next(16) {
            _ if ahead => Reach::Sealed,
            0 => Reach::Held,
            1..8 => Reach::Folder,
            _ => Reach::Sealed,
        };
        Plan {
            name: name.to_owned(),
            reach,
            kind: usize::try_from(dice.next(4)).unwrap(),
            volatile: dice.one_in(8) && !ahead,
            idempotent: dice.one_in(3),
            key: dice.one_in(4),
            input: dice.one_in(2) && reach == Reach::Sealed,
            cancel: dice.one_in(2) && reach == Reach::Held,
        }
    }

    pub(super) fn submit(&self, plan: &Plan) -> Submit {
        let artifact = match plan.reach {
            Reach::Folder => &self.counting[plan.kind],
            Reach::Sealed => &self.sealed[plan.kind],
            Reach::Held => &self.holding,
        };
        let mut submit = Submit::new(artifact).args([plan.name.as_str()]);
        submit = match plan.reach {
            Reach::Folder => submit.dir(&self.counts, "/counts"),
            Reach::Sealed => submit,
            Reach::Held => submit.state("s", "", BindMode::Rw).hold_time(HOLD),
        };
        if plan.volatile {
            submit = submit.volatile();
        }
        if plan.idempotent {
            submit = submit.idempotent();
        }
        if plan.key {
            submit = submit.key(&plan.name);
        }
        if plan.input {
            submit = submit.input(&Digest::of(&self.input).to_string());
        }
        submit
    }

    /// Returns what a sealed guest says.
    pub(super) fn said(&self, plan: &Plan) -> Vec<u8> {
        let input: &[u8] = if plan.input { &self.input } else { &[] };
        [plan.name.as_bytes(), input].concat()
    }

    /// Returns how often a counting guest was executed.
    pub(super) fn executions(&self, plan: &Plan) -> u64 {
        workload::executions(&self.counts, &plan.name)
    }
}
