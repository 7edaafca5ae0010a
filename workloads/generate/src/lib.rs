//! Makes event streams for the event transform: the same options give the same bytes, on every machine.
//!
//! Sensors `s-00000`… measure one kind each (by number modulo three: temperature, humidity, pressure) along a
//! slow triangle wave with noise. Event time starts at 2026-01-01 UTC and moves 0 to 19 ms an event; one event
//! in eight comes up to 2 s late. `bad_per_mille` of the lines are unacceptable, in five different ways.

use std::io::{self, Write};

/// What is made.
pub struct Options {
    /// Where the random numbers start.
    pub seed: u64,
    /// The stream ends with the line that reaches this size.
    pub bytes: u64,
    /// Number of sensors, at most 99,999.
    pub sensors: u64,
    /// Unacceptable lines in a thousand.
    pub bad_per_mille: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 1, bytes: 100_000_000, sensors: 2_000, bad_per_mille: 2 }
    }
}

/// 2026-01-01T00:00:00Z in milliseconds since 1970.
const START_MS: u64 = 1_767_225_600_000;

/// Kind, middle and amplitude of what sensors measure, in hundredths.
const KINDS: [(&str, u64, u64); 3] =
    [("temperature", 2_100, 1_500), ("humidity", 5_500, 4_000), ("pressure", 101_300, 2_500)];

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`; the bias is under 2⁻⁴⁰ for the small limits used here.
    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}

fn kind_of(sensor: u64) -> (&'static str, u64, u64) {
    let [temperature, humidity, pressure] = KINDS;
    match sensor % 3 {
        0 => temperature,
        1 => humidity,
        _ => pressure,
    }
}

/// Writes the event stream.
pub fn events(options: &Options, out: &mut impl Write) -> io::Result<()> {
    let mut random = Random(options.seed);
    let mut now = START_MS;
    let mut written = 0;
    let mut number = 0;
    let mut line = Vec::with_capacity(256);
    while written < options.bytes {
        now += random.below(20);
        let late = if random.below(8) == 0 { random.below(2_000) } else { 0 };
        let sensor = random.below(options.sensors);
        let bad = random.below(1_000) < options.bad_per_mille;
        line.clear();
        let event = Event { number, ts: now - late, sensor, hundredths: measured(sensor, now, &mut random) };
        if bad {
            event.write_bad(random.below(5), &mut line)?;
        } else {
            event.write(&mut line)?;
        }
        line.push(b'\n');
        out.write_all(&line)?;
        written += line.len() as u64;
        number += 1;
    }
    Ok(())
}

/// Writes the table that the stream is joined with, as `KEY,VALUE` lines; each eighth sensor is left out.
pub fn lookup(options: &Options, out: &mut impl Write) -> io::Result<()> {
    let mut random = Random(options.seed ^ 0x5eed);
    for sensor in (0..options.sensors).filter(|sensor| sensor % 8 != 7) {
        let (site, floor) = (random.below(40), random.below(12));
        let (kind, middle, amplitude) = kind_of(sensor);
        let limit = (middle + amplitude) / 100;
        writeln!(
            out,
            r#"s-{sensor:05},{{"site":"site-{site:02}","floor":{floor},"measures":"{kind}","limit":{limit}}}"#
        )?;
    }
    Ok(())
}

/// A triangle wave over about three hours, shifted by sensor, with noise of one in a hundred of the amplitude.
fn measured(sensor: u64, now: u64, random: &mut Random) -> u64 {
    const PERIOD: u64 = 10_000_000;
    let (_, middle, amplitude) = kind_of(sensor);
    let phase = (now + sensor * 7_919) % PERIOD;
    let up = phase.min(PERIOD - phase) * 2;
    let noise = random.below(amplitude / 50 + 1);
    middle - amplitude + 2 * amplitude * up / PERIOD + noise
}

struct Event {
    number: u64,
    ts: u64,
    sensor: u64,
    hundredths: u64,
}

impl Event {
    fn write(&self, to: &mut Vec<u8>) -> io::Result<()> {
        let (kind, ..) = kind_of(self.sensor);
        write!(
            to,
            r#"{{"id":"e-{:010}","ts":{},"sensor":"s-{:05}","kind":"{kind}","value":{}.{:02}}}"#,
            self.number,
            self.ts,
            self.sensor,
            self.hundredths / 100,
            self.hundredths % 100,
        )
    }

    fn write_bad(&self, how: u64, to: &mut Vec<u8>) -> io::Result<()> {
        let Self { number, ts, sensor, .. } = self;
        match how {
            0 => {
                self.write(to)?;
                to.truncate(to.len() / 2);
                Ok(())
            }
            1 => write!(to, r#"{{"id":"e-{number:010}","ts":{ts},"sensor":"s-{sensor:05}"}}"#),
            2 => write!(
                to,
                r#"{{"id":"e-{number:010}","ts":{ts}000,"sensor":"s-{sensor:05}","kind":"clock","value":0}}"#
            ),
            3 => write!(to, r#"{{"id":"e-{number:010}","ts":{ts},"sensor":"","kind":"humidity","value":1}}"#),
            _ => write!(
                to,
                r#"{{"id":"e-{number:010}","ts":{ts},"sensor":"s-{sensor:05}","kind":"pressure","value":9e300}}"#
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(seed: u64) -> String {
        let mut out = Vec::new();
        let bytes = 200_000;
        let options = Options { seed, bytes, ..Options::default() };
        events(&options, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_seed_fixes_the_bytes() {
        assert_eq!(stream(7), stream(7));
        assert_ne!(stream(7), stream(8));
    }

    #[test]
    fn the_size_is_reached_by_the_last_line() {
        let text = stream(3);
        assert!(text.len() >= 200_000 && text.len() < 200_256);
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn a_seed_keeps_its_bytes_over_releases() {
        let text = stream(1);
        let first = text.lines().next().unwrap();
        let wanted =
            r#"{"id":"e-0000000000","ts":1767225600005,"sensor":"s-00590","kind":"pressure","value":990.75}"#;
        assert_eq!(first, wanted);
    }

    #[test]
    fn the_table_leaves_sensors_out() {
        let mut out = Vec::new();
        lookup(&Options { sensors: 16, ..Options::default() }, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap().lines().count(), 14);
    }
}
