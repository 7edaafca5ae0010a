//! Every exit code, in both modes: 512 processes.

use std::thread;

use super::run::{MODES, run};
use crate::support::{Node, guest};

#[test]
fn every_exit_code_that_preview_1_knows_is_the_guests_own() {
    let node = Node::start();
    let program = guest("exit-code.p1");
    for mode in MODES {
        thread::scope(|scope| {
            for part in 0..4 {
                let (node, program) = (&node, &program);
                scope.spawn(move || {
                    for code in (part..256).step_by(4) {
                        let said = run(node, mode, program, &[], &[&code.to_string()], b"");
                        assert_eq!(said.code, Some(code), "{mode:?} {code}: {}", said.err());
                    }
                });
            }
        });
    }
}
