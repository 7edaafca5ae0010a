use std::collections::BTreeMap;

/// Decides which task runs next: first come, first served, within two bounds.
///
/// A submit takes a place before it is recorded and puts its task there after; so a task that
/// was acknowledged always has a place.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    /// By ticket: the oldest first.
    ready: BTreeMap<Ticket, T>,
    last: Ticket,
    /// Places taken: ready, held, or being recorded.
    places: usize,
    running: usize,
    max_places: usize,
    max_running: usize,
}

/// Names a task that waits. Rises with each.
pub(crate) type Ticket = u64;

/// All places are taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full {
    pub(crate) places: usize,
}

/// What to do with a task that became ready.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<T> {
    /// Run it: a runner's slot is now counted for it.
    Run(T),
    /// It waits, and may leave with this ticket.
    Wait(Ticket),
}

impl<T> Queue<T> {
    pub(crate) fn new(max_running: usize, max_places: usize) -> Self {
        Self { ready: BTreeMap::new(), last: 0, places: 0, running: 0, max_places, max_running }
    }

    /// Takes a place.
    pub(crate) fn take_place(&mut self) -> Result<(), Full> {
        if self.places >= self.max_places {
            return Err(Full { places: self.places });
        }
        self.places += 1;
        Ok(())
    }

    /// Takes a place beyond the bound: for tasks that were acknowledged before a restart.
    pub(crate) fn restore_place(&mut self) {
        self.places += 1;
    }

    /// Gives a place back: the task ended without running.
    pub(crate) fn give_place(&mut self) {
        self.places = self.places.saturating_sub(1);
    }

    /// Turns a place into a runner's slot, where one is free and none waits.
    pub(crate) fn take_slot(&mut self) -> bool {
        let free = self.running < self.max_running && self.ready.is_empty();
        if free {
            self.start();
        }
        free
    }

    /// Puts a task that holds a place; it runs at once where a slot is free and none waits.
    pub(crate) fn ready(&mut self, task: T) -> Next<T> {
        if self.take_slot() {
            return Next::Run(task);
        }
        self.last += 1;
        self.ready.insert(self.last, task);
        Next::Wait(self.last)
    }

    /// Takes out a task that waits and gives its place back; one that runs is not touched.
    pub(crate) fn leave(&mut self, ticket: Ticket) {
        if self.ready.remove(&ticket).is_some() {
            self.give_place();
        }
    }

    /// A runner is done with its task: returns its next one, or frees the slot.
    pub(crate) fn next(&mut self) -> Option<T> {
        self.free_slot();
        let (_, task) = self.ready.pop_first()?;
        self.start();
        Some(task)
    }

    /// A runner is done and takes no next task.
    pub(crate) fn free_slot(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    fn start(&mut self) {
        self.places = self.places.saturating_sub(1);
        self.running += 1;
    }

    pub(crate) fn waiting(&self) -> usize {
        self.places
    }

    pub(crate) fn running(&self) -> usize {
        self.running
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_that_leaves_makes_room_at_once() {
        let mut queue = Queue::new(1, 2);
        queue.take_place().unwrap();
        assert_eq!(queue.ready('a'), Next::Run('a'));
        for task in ['b', 'c'] {
            queue.take_place().unwrap();
            assert!(matches!(queue.ready(task), Next::Wait(_)));
        }
        assert_eq!(queue.take_place(), Err(Full { places: 2 }));
        queue.leave(1);
        assert_eq!(queue.waiting(), 1);
        queue.leave(1);
        assert_eq!(queue.waiting(), 1, "it left already");
        assert_eq!(queue.next(), Some('c'));
        queue.leave(2);
        assert_eq!((queue.waiting(), queue.running(), queue.next()), (0, 1, None));
    }

    proptest! {
        /// Against a plain list: order is kept, no bound is passed, nothing is lost.
        #[test]
        fn keeps_order_and_bounds(steps in prop::collection::vec(any::<bool>(), 1..300), max_running in 1usize..5) {
            let mut queue = Queue::new(max_running, 20);
            let (mut submitted, mut started, mut active) = (0u32, Vec::new(), 0usize);
            for submit in steps {
                if submit {
                    if queue.take_place().is_err() {
                        prop_assert_eq!(queue.waiting(), 20);
                        continue;
                    }
                    if let Next::Run(task) = queue.ready(submitted) {
                        started.push(task);
                        active += 1;
                    }
                    submitted += 1;
                } else if active > 0 {
                    match queue.next() {
                        Some(task) => started.push(task),
                        None => active -= 1,
                    }
                }
                prop_assert_eq!(queue.running(), active);
                prop_assert!(active <= max_running);
                prop_assert!(active == max_running || queue.waiting() == 0);
            }
            while active > 0 {
                match queue.next() {
                    Some(task) => started.push(task),
                    None => active -= 1,
                }
            }
            prop_assert_eq!(started, (0..submitted).collect::<Vec<_>>());
        }
    }
}
