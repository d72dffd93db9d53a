//! What Linux says of a process in `/proc`, and a place to listen: for everything that is measured.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

type Failure = Box<dyn Error + Send + Sync>;

/// Resident memory in bytes.
pub fn memory(pid: u32) -> Result<u64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .ok_or("the kernel does not say how much memory is resident")?;
    Ok(resident.trim().parse::<u64>()? * 1024)
}

/// The processor time that all threads of a process have used, in user space and in the kernel; and that of its children
/// that have ended.
pub fn processor_time(pid: u32) -> Result<[Duration; 2], Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold anything. From the twelfth field after it on: utime, stime, cutime, cstime.
    let (_, fields) = stat.rsplit_once(')').ok_or("no name in the statistics")?;
    let ticks = fields.split_whitespace().skip(11).take(4).map(str::parse);
    let ticks: Vec<u64> = ticks.collect::<Result<_, _>>()?;
    let &[user, kernel, user_of_children, kernel_of_children] = &ticks[..] else {
        return Err("too few statistics".into());
    };
    let each = rustix::param::clock_ticks_per_second();
    let time = |ticks: u64| Duration::from_millis(ticks * 1000 / each);
    Ok([
        time(user + kernel),
        time(user_of_children + kernel_of_children),
    ])
}

/// An address of this machine where nobody listens.
pub fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
