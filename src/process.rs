//! What the operating system says about this process: memory, time, file descriptors. The limit of
//! descriptors can be raised.
//!
//! Files of `/proc` say the most. Where there is no such file, as on macOS, those figures are missing.

use std::fs;

use rustix::param::clock_ticks_per_second;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// The figures of this process.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Usage {
    /// Open file descriptors.
    pub open_descriptors: Option<u64>,
    /// The most file descriptors that may be open. None means that there is no limit.
    pub most_descriptors: Option<u64>,
    /// Memory in use, in bytes.
    pub resident_memory: Option<u64>,
    /// Address space in use, in bytes.
    pub virtual_memory: Option<u64>,
    /// When the process started, in Unix time.
    pub started_at: Option<f64>,
    /// The time that processors have spent on it, in seconds.
    pub cpu_seconds: f64,
}

impl Usage {
    /// The figures of this moment.
    #[must_use]
    pub fn now() -> Self {
        let memory = |name| kilobytes(name).map(|kilobytes| kilobytes * 1024);
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        Self {
            open_descriptors: open_descriptors(),
            most_descriptors: getrlimit(Resource::Nofile).current,
            resident_memory: memory("VmRSS:"),
            virtual_memory: memory("VmSize:"),
            started_at: started_at(),
            cpu_seconds: as_float(cpu.tv_sec) + as_float(cpu.tv_nsec) / 1e9,
        }
    }
}

/// Below this limit of file descriptors the log and the doctor say so.
pub const FEW_DESCRIPTORS: u64 = 4096;

/// Raises the limit of open file descriptors as far as this process may. Returns the limit that holds from
/// now on; None means that there is none.
pub fn raise_descriptor_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit {
            current: limit.maximum,
            ..limit
        };
        // The limit stays as it was where the system refuses, as macOS does for a very high one.
        let _ = setrlimit(Resource::Nofile, raised);
    }
    getrlimit(Resource::Nofile).current
}

fn open_descriptors() -> Option<u64> {
    let open = fs::read_dir("/proc/self/fd").ok()?.count();
    // One of them is the directory that is being read.
    u64::try_from(open).ok()?.checked_sub(1)
}

/// A line of `/proc/self/status`.
fn kilobytes(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix(" kB")?.parse().ok()
}

/// proc_pid_stat(5): field 22 is the start in clock ticks since the system started, whose time is in
/// `/proc/stat`.
fn started_at() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is a name in brackets, which may contain spaces.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: f64 = fields.split_whitespace().nth(19)?.parse().ok()?;
    let system = fs::read_to_string("/proc/stat").ok()?;
    let booted_at = system
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?;
    let booted_at: f64 = booted_at.trim().parse().ok()?;
    Some(booted_at + ticks / as_float(i64::try_from(clock_ticks_per_second()).ok()?))
}

/// Exact up to 2^53, which is enough for seconds and for a fraction of one.
fn as_float(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_this_process_are_plausible() {
        let usage = Usage::now();
        let open = usage.open_descriptors.expect("it is known");
        assert!(open >= 3, "{usage:?}");
        assert!(usage.most_descriptors.is_none_or(|most| most >= open));
        assert!(usage.resident_memory > Some(1_000_000), "{usage:?}");
        assert!(usage.virtual_memory >= usage.resident_memory);
        // Later than 2020.
        assert!(usage.started_at > Some(1_577_836_800.0), "{usage:?}");
        assert!(usage.cpu_seconds > 0.0);
        let _file = fs::File::open("/proc/self/status").expect("it opens");
        assert!(Usage::now().open_descriptors >= Some(1));
    }
}
