/// Where a test wants the process to die.
#[cfg(debug_assertions)]
const WANTED: &str = "CYXWIZ_FAIL";

/// Dies here as a power cut would, where a test named this place in `CYXWIZ_FAIL`. Does nothing in release builds.
pub fn fail_at(place: &str) {
    #[cfg(debug_assertions)]
    if std::env::var(WANTED).is_ok_and(|wanted| wanted == place) {
        std::process::abort();
    }
    #[cfg(not(debug_assertions))]
    let _ = place;
}
