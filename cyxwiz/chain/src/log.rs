//! Events of the program in a transaction's log.
//!
//! Any program may write `Program data:` lines, so only lines count that stand within a frame of ours: after our
//! `invoke`, before our `success`, and not within a program that we called.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cyxwiz_escrow_interface::{Address, Event};

/// The chain allows calls four deep; a log that claims more is not followed.
const MAX_DEPTH: usize = 64;

/// The program's events, in order. A log that was cut gives those before the cut.
#[must_use]
pub fn events_of<S: AsRef<str>>(logs: &[S], program: &Address) -> Vec<Event> {
    let ours = program.to_string();
    let mut frames: Vec<&str> = Vec::new();
    let mut events = Vec::new();
    for line in logs.iter().map(AsRef::as_ref) {
        if let Some(data) = line.strip_prefix("Program data: ") {
            if frames.last() == Some(&ours.as_str()) {
                events.extend(event(data));
            }
        } else if let Some(rest) = line.strip_prefix("Program ") {
            // "Program log: …" has a colon behind its second word, and is never a frame
            match rest.split_once(' ') {
                Some((id, what)) if is_invoke(what) => {
                    if frames.len() == MAX_DEPTH {
                        return events;
                    }
                    frames.push(id);
                }
                Some((id, what)) if frames.last() == Some(&id) && is_end(what) => drop(frames.pop()),
                _ => {}
            }
        } else if line == "Log truncated" {
            return events;
        }
    }
    events
}

fn is_invoke(what: &str) -> bool {
    what.strip_prefix("invoke [")
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|depth| !depth.is_empty() && depth.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_end(what: &str) -> bool {
    what == "success" || what.starts_with("failed")
}

fn event(data: &str) -> Option<Event> {
    let bytes = BASE64_STANDARD.decode(data.trim_end()).ok()?;
    Event::decode(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use cyxwiz_escrow_interface::policy::Amount;
    use proptest::prelude::*;

    use super::*;

    const PROGRAM: Address = Address::new_from_array([9; 32]);
    const OTHER: Address = Address::new_from_array([8; 32]);

    fn deposited(amount: u64) -> (Event, String) {
        let mut bytes = b"CXev".to_vec();
        bytes.extend([1, 1]);
        bytes.extend([3; 32]);
        bytes.extend([0; 32]);
        bytes.extend(amount.to_le_bytes());
        let event = Event::Deposited {
            owner: Address::new_from_array([3; 32]),
            mint: Address::default(),
            amount: Amount(amount),
        };
        (event, format!("Program data: {}", BASE64_STANDARD.encode(bytes)))
    }

    #[test]
    fn only_what_the_program_itself_says_counts() {
        let ((first, one), (_, forged), (last, three)) = (deposited(1), deposited(2), deposited(3));
        let logs = [
            forged.clone(),
            format!("Program {OTHER} invoke [1]"),
            forged.clone(),
            format!("Program log: Program {PROGRAM} invoke [2]"),
            forged.clone(),
            format!("Program {PROGRAM} invoke [2]"),
            one,
            format!("Program {OTHER} invoke [3]"),
            forged.clone(),
            format!("Program {OTHER} success"),
            three,
            format!("Program {PROGRAM} success"),
            forged.clone(),
            format!("Program {OTHER} success"),
            forged,
        ];
        assert_eq!(events_of(&logs, &PROGRAM), [first, last]);
    }

    #[test]
    fn a_cut_log_gives_what_is_before_the_cut() {
        let ((first, one), (_, two)) = (deposited(1), deposited(2));
        let logs = [format!("Program {PROGRAM} invoke [1]"), one, "Log truncated".to_owned(), two];
        assert_eq!(events_of(&logs, &PROGRAM), [first]);
    }

    proptest! {
        #[test]
        fn another_program_can_forge_nothing(lines in prop::collection::vec(".{0,80}", 0..20)) {
            // whatever it logs through the log syscall gets a prefix by the runtime
            let (_, forged) = deposited(7);
            let mut logs = vec![format!("Program {OTHER} invoke [1]")];
            logs.extend(lines.into_iter().map(|line| format!("Program log: {line}")));
            logs.push(forged);
            logs.push(format!("Program {OTHER} success"));
            prop_assert_eq!(events_of(&logs, &PROGRAM), []);
        }
    }
}
