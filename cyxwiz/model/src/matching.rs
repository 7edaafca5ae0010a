//! First come, first served among what matches.

use std::fmt;

use crate::{HourlyPrice, JobId, NodeId, Offer, Requirements, Wanted};

/// What a job asks of an offer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ask<'a> {
    /// What the machine must have.
    pub requirements: &'a Requirements,
    /// Whether it needs a container engine.
    pub containers: bool,
    /// The most that an hour may cost.
    pub max_price: HourlyPrice,
    /// Nodes that it shall not go to now, for it failed there a moment ago.
    pub avoid: &'a [NodeId],
}

/// What an offer lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The GPU that is wanted.
    Gpu {
        /// What is wanted.
        wanted: String,
        /// What there is.
        has: String,
    },
    /// Memory of the GPU, MiB.
    Vram {
        /// What is wanted.
        wanted: u64,
        /// What there is.
        has: u64,
    },
    /// Processors, thousandths.
    Cpu {
        /// What is wanted.
        wanted: u32,
        /// What there is.
        has: u32,
    },
    /// Memory, MiB.
    Memory {
        /// What is wanted.
        wanted: u64,
        /// What there is.
        has: u64,
    },
    /// Disk, MiB.
    Disk {
        /// What is wanted.
        wanted: u64,
        /// What there is.
        has: u64,
    },
    /// A container engine.
    Containers,
    /// A price within the limit.
    Price {
        /// What it asks.
        asks: HourlyPrice,
        /// The limit.
        limit: HourlyPrice,
    },
    /// A better record with this very job.
    FailedIt,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gpu { wanted, has } => write!(f, "its GPU is {has}, {wanted} is wanted"),
            Self::Vram { wanted, has } => write!(f, "its GPU has {has} MiB, {wanted} are wanted"),
            Self::Cpu { wanted, has } => {
                write!(f, "it has {} processors, {} are wanted", milli(*has), milli(*wanted))
            }
            Self::Memory { wanted, has } => write!(f, "it has {has} MiB of memory, {wanted} are wanted"),
            Self::Disk { wanted, has } => write!(f, "it has {has} MiB of disk, {wanted} are wanted"),
            Self::Containers => f.write_str("it runs no containers"),
            Self::Price { asks, limit } => write!(f, "it costs {asks}, max_price is {limit}"),
            Self::FailedIt => f.write_str("the job failed there a moment ago"),
        }
    }
}

fn milli(value: u32) -> String {
    let part = format!("{:03}", value % 1000);
    match part.trim_end_matches('0') {
        "" => (value / 1000).to_string(),
        part => format!("{}.{part}", value / 1000),
    }
}

/// Everything that an offer lacks for a job; nothing where it matches.
#[must_use]
pub fn lacks(ask: Ask<'_>, offer: &Offer) -> Vec<Lack> {
    let (wanted, has) = (ask.requirements, &offer.capacity);
    let mut lacks = Vec::new();
    let mut lack = |when: bool, lack: Lack| {
        if when {
            lacks.push(lack);
        }
    };
    let right_gpu = match &wanted.gpu {
        Wanted::Any => !has.gpu.is_cpu(),
        Wanted::Type(gpu) => *gpu == has.gpu,
    };
    lack(!right_gpu, Lack::Gpu { wanted: wanted.gpu.to_string(), has: has.gpu.to_string() });
    let vram = wanted.min_vram_mib;
    lack(right_gpu && has.vram_mib < vram, Lack::Vram { wanted: vram, has: has.vram_mib });
    lack(has.cpu_milli < wanted.cpu_milli, Lack::Cpu { wanted: wanted.cpu_milli, has: has.cpu_milli });
    lack(has.memory_mib < wanted.memory_mib, Lack::Memory { wanted: wanted.memory_mib, has: has.memory_mib });
    lack(has.disk_mib < wanted.disk_mib, Lack::Disk { wanted: wanted.disk_mib, has: has.disk_mib });
    lack(ask.containers && !has.containers, Lack::Containers);
    lack(ask.avoid.contains(&offer.node), Lack::FailedIt);
    lack(offer.price > ask.max_price, Lack::Price { asks: offer.price, limit: ask.max_price });
    lacks
}

/// The offers that come nearest, with what each lacks: fewest lacks first, then the cheapest.
#[must_use]
pub fn nearest<'a>(
    ask: Ask<'_>,
    offers: impl IntoIterator<Item = &'a Offer>,
    count: usize,
) -> Vec<(&'a Offer, Vec<Lack>)> {
    let mut missed: Vec<_> = offers.into_iter().map(|offer| (offer, lacks(ask, offer))).collect();
    missed.retain(|(_, lacks)| !lacks.is_empty());
    missed.sort_by_key(|(offer, lacks)| (lacks.len(), offer.price, offer.node));
    missed.truncate(count);
    missed
}

/// A job at an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The job.
    pub job: JobId,
    /// Which of the offers.
    pub offer: usize,
}

/// How many different wishes that nothing meets are remembered within one round.
const HOPELESS: usize = 64;

/// Places jobs in the order they came: each takes the cheapest offer that matches, of equal ones the first. A job that
/// nothing matches holds up nobody.
#[must_use]
pub fn place<'a>(jobs: impl IntoIterator<Item = (JobId, Ask<'a>)>, offers: &[Offer]) -> Vec<Placement> {
    let mut by_price: Vec<usize> = (0..offers.len()).collect();
    by_price.sort_by_key(|index| offers.get(*index).map(|offer| offer.price));
    let mut placements = Vec::new();
    // offers only become fewer: what found none once finds none later
    let mut hopeless: Vec<Ask<'_>> = Vec::new();
    for (job, ask) in jobs {
        if by_price.is_empty() {
            break;
        }
        if hopeless.contains(&ask) {
            continue;
        }
        let matches = |index: &usize| offers.get(*index).is_some_and(|offer| lacks(ask, offer).is_empty());
        if let Some(found) = by_price.iter().position(matches) {
            placements.push(Placement { job, offer: by_price.remove(found) });
        } else if hopeless.len() < HOPELESS {
            hopeless.push(ask);
        }
    }
    placements
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Capacity, GpuType};

    fn offer(gpu: &str, vram_mib: u64, memory_mib: u64, price: u64) -> Offer {
        let capacity = Capacity {
            gpu: gpu.parse().unwrap(),
            vram_mib,
            cpu_milli: 4000,
            memory_mib,
            disk_mib: 20_000,
            containers: true,
        };
        Offer { node: NodeId::generate(), gpu_uuid: String::new(), capacity, price: HourlyPrice(price) }
    }

    fn wants(gpu: Wanted, min_vram_mib: u64, memory_mib: u64) -> Requirements {
        Requirements { gpu, min_vram_mib, cpu_milli: 1000, memory_mib, disk_mib: 10_240 }
    }

    fn ask(requirements: &Requirements, max_price: u64) -> Ask<'_> {
        Ask { requirements, containers: true, max_price: HourlyPrice(max_price), avoid: &[] }
    }

    #[test]
    fn any_means_some_gpu_and_cpu_means_none() {
        let (gpu, cpu) = (offer("rtx4090", 24_576, 8192, 800_000), offer("cpu", 0, 8192, 50_000));
        let any = wants(Wanted::Any, 0, 1024);
        assert_eq!(lacks(ask(&any, 1_000_000), &gpu), []);
        assert_eq!(lacks(ask(&any, 1_000_000), &cpu).len(), 1);
        let none = wants(Wanted::Type(GpuType::cpu()), 0, 1024);
        assert_eq!(lacks(ask(&none, 1_000_000), &cpu), []);
        // a GPU's place is not for jobs without one
        assert_eq!(lacks(ask(&none, 1_000_000), &gpu).len(), 1);
    }

    #[test]
    fn what_comes_nearest_says_what_it_lacks() {
        let offers = [offer("rtx3080", 10_240, 8192, 400_000), offer("rtx4090", 24_576, 8192, 800_000)];
        let wanted = wants(Wanted::Any, 16_384, 1024);
        let said: Vec<String> = nearest(ask(&wanted, 500_000), &offers, 3)
            .into_iter()
            .map(|(offer, lacks)| {
                format!(
                    "{}: {}",
                    offer.capacity.gpu,
                    lacks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
                )
            })
            .collect();
        assert_eq!(
            said,
            [
                "rtx3080: its GPU has 10240 MiB, 16384 are wanted",
                "rtx4090: it costs 0.80 $/h, max_price is 0.50 $/h",
            ]
        );
    }

    #[test]
    fn a_job_that_nothing_matches_holds_up_nobody() {
        let offers = [offer("cpu", 0, 2048, 50_000)];
        let (large, small) =
            (wants(Wanted::Type(GpuType::cpu()), 0, 4096), wants(Wanted::Type(GpuType::cpu()), 0, 1024));
        let (first, second) = (JobId::generate(), JobId::generate());
        let placed = place([(first, ask(&large, 60_000)), (second, ask(&small, 60_000))], &offers);
        assert_eq!(placed, [Placement { job: second, offer: 0 }]);
    }

    proptest! {
        #[test]
        fn placement_is_first_come_first_served(
            asks in proptest::collection::vec((0_u64..4, 1_u64..5), 0..20),
            has in proptest::collection::vec((0_u64..4, 1_u64..5), 0..20),
        ) {
            let wanted: Vec<_> = asks.iter().map(|(memory, _)| wants(Wanted::Type(GpuType::cpu()), 0, memory * 1024)).collect();
            let jobs: Vec<_> = asks.iter().zip(&wanted).map(|((_, price), wanted)| (JobId::generate(), ask(wanted, price * 1000))).collect();
            let offers: Vec<_> = has.iter().map(|(memory, price)| offer("cpu", 0, memory * 1024, price * 1000)).collect();
            let placed = place(jobs.clone(), &offers);
            // the model: job by job over all offers that are left
            let mut left: Vec<usize> = (0..offers.len()).collect();
            let mut model = Vec::new();
            for (job, ask) in &jobs {
                let best = left.iter().copied().filter(|index| lacks(*ask, &offers[*index]).is_empty()).min_by_key(|index| (offers[*index].price, *index));
                if let Some(best) = best {
                    left.retain(|index| *index != best);
                    model.push(Placement { job: *job, offer: best });
                }
            }
            prop_assert_eq!(placed, model);
        }
    }
}
