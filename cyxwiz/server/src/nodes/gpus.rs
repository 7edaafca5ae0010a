//! Whether a node's GPUs can be what they are called, and still are what was enrolled.

use cyxwiz_model::{GpuFigures, GpuLie, GpuType, check_gpu};
use cyxwiz_proto::v1;

/// Compares each with what is known of its model.
///
/// # Errors
/// The first that cannot be what it is called, and why.
pub(super) fn can_be(gpus: &[v1::Gpu]) -> Result<(), GpuLie> {
    gpus.iter().try_for_each(|gpu| {
        let said: GpuType =
            gpu.gpu_type.parse().map_err(|_| GpuLie::Other("a short name is missing".into()))?;
        check_gpu(&gpu.model, &said, &figures(gpu))
    })
}

/// Compares what the driver tells now with what was enrolled, and with what is known of the model.
///
/// # Errors
/// A GPU that is gone, another one, or none that can be what it is called.
pub(super) fn still_are(enrolled: &[v1::Gpu], now: &[v1::Gpu]) -> Result<(), GpuLie> {
    let other = |message: String| Err(GpuLie::Other(message));
    if enrolled.len() != now.len() {
        return other(format!(
            "{} GPUs were enrolled, its driver tells of {} now",
            enrolled.len(),
            now.len()
        ));
    }
    for was in enrolled {
        let Some(is) = now.iter().find(|gpu| gpu.uuid == was.uuid) else {
            return other(format!("the GPU {} was enrolled, its driver does not know it now", was.uuid));
        };
        can_be(std::slice::from_ref(is))?;
        if was.model != is.model || figures(was) != figures(is) {
            return other(format!(
                "the GPU {} was enrolled as {}, its driver tells {} now",
                was.uuid,
                shown(was),
                shown(is)
            ));
        }
    }
    Ok(())
}

fn shown(gpu: &v1::Gpu) -> String {
    let has = figures(gpu);
    let model: String = gpu.model.chars().take(100).collect();
    let (major, minor) = has.capability;
    format!("`{model}` ({} MiB, {major}.{minor}, {} GFLOPS)", has.vram_mib, has.gflops())
}

fn figures(gpu: &v1::Gpu) -> GpuFigures {
    let capability = gpu.compute_capability.split_once('.');
    let capability = capability.and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    GpuFigures {
        vram_mib: gpu.vram_mib,
        capability: capability.unwrap_or((0, 0)),
        cores: gpu.cores,
        clock_mhz: gpu.max_clock_mhz,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t4(uuid: &str) -> v1::Gpu {
        v1::Gpu {
            uuid: uuid.to_owned(),
            model: "Tesla T4".to_owned(),
            gpu_type: "t4".to_owned(),
            vram_mib: 15_360,
            compute_capability: "7.5".to_owned(),
            cores: 2560,
            max_clock_mhz: 1590,
            ..Default::default()
        }
    }

    #[test]
    fn the_same_gpus_in_any_order_are_still_there() {
        assert_eq!(still_are(&[t4("a"), t4("b")], &[t4("b"), t4("a")]), Ok(()));
        assert_eq!(still_are(&[], &[]), Ok(()));
    }

    #[test]
    fn gone_swapped_and_changed_ones_are_told() {
        let said = |now: &[v1::Gpu]| still_are(&[t4("a")], now).unwrap_err().to_string();
        assert_eq!(said(&[]), "1 GPUs were enrolled, its driver tells of 0 now");
        assert_eq!(said(&[t4("b")]), "the GPU a was enrolled, its driver does not know it now");
        assert_eq!(
            said(&[v1::Gpu { vram_mib: 8192, ..t4("a") }]),
            "t4 has 16 GiB of memory, this one says 8192 MiB"
        );
        // within the bounds of its model, but another than it was
        assert_eq!(
            said(&[v1::Gpu { max_clock_mhz: 1500, ..t4("a") }]),
            "the GPU a was enrolled as `Tesla T4` (15360 MiB, 7.5, 8140 GFLOPS), its driver tells \
             `Tesla T4` (15360 MiB, 7.5, 7680 GFLOPS) now"
        );
        let silent = v1::Gpu { compute_capability: String::new(), ..t4("a") };
        assert_eq!(can_be(&[silent]).unwrap_err().to_string(), "its driver tells no compute capability");
    }
}
